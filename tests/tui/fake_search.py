"""`space.search` over the fixed data, with the real comparison of words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sila_daemon.core.search_text import excerpt, found_in, words_of
from tests.tui import sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.tui.fake_daemon import FakeDaemon

Json = dict[str, Any]


def search(daemon: FakeDaemon, params: Json) -> Json:
    """Answers as the daemon does; only the first space has contents."""
    words, hits = words_of(params["query"]), []
    for text, hit in _texts(daemon) if params["space"] == sample.WORK else ():
        match = found_in(text, words)
        if match is not None:
            shown = excerpt(text, match)
            hits.append({"excerpt": shown.text, "match": list(shown.match), **hit})
    return {"hits": hits[: params["limit"]], "next": None, "searched": 850, "ops": 850}


def _texts(daemon: FakeDaemon) -> Iterator[tuple[str, Json]]:
    titles = {row["tree"]: row["title"] for row in sample.CHATS}
    for tree, messages in daemon.messages.items():
        for message in messages:
            yield message["text"], _hit(tree, titles[tree], message["id"], "message", "text",
                                        created=message["created"])  # fmt: skip
    for row in daemon.files:
        folders, _, name = row["path"].rpartition("/")
        yield name, _hit(row["tree"], None, row["vertex"], "file", "name", path=folders)
    for tree, vertices in [(sample.WORK, daemon.vertices[sample.WORK])]:
        for vertex, entry in vertices.items():
            for key, value in entry["properties"].items():
                if isinstance(value, str) and key not in ("_n", "_c"):
                    kind = "name" if key == "name" else "property"
                    above = vertices.get(str(entry["parent"]), {"properties": {}})
                    path, refers = (
                        above["properties"].get("name", ""),
                        entry["properties"].get("tid"),
                    )
                    yield value, _hit(tree, "Work", vertex, kind, key, path=path, refers=refers)


def _hit(tree: str, tree_name: str | None, vertex: str, kind: str, key: str, **more: Any) -> Json:
    return {"tree": tree, "treeName": tree_name, "vertex": vertex, "kind": kind, "key": key,
            "path": "", "refers": None, "created": None, **more}  # fmt: skip
