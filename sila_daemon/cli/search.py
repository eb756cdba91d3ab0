"""`search`: words in all spaces, or in one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sila_daemon.cli.daemon_call import ask, space_reference

if TYPE_CHECKING:
    import argparse

    from sila_daemon.cli.output import Output


def search(arguments: argparse.Namespace, output: Output) -> None:
    """Prints what has all words, the newest first, space by space."""
    query = " ".join(arguments.words)
    if arguments.space is not None:
        spaces = [space_reference(arguments.space)]
    else:
        spaces = [one["id"] for one in ask("space.list")["spaces"]]
    found = [
        {"space": hit_space, **hit}
        for hit_space in spaces
        for hit in _in_space(hit_space, query, arguments.limit)
    ]
    rows = [
        [hit["kind"], hit["treeName"] or hit["tree"], hit["excerpt"], hit["vertex"]]
        for hit in found
    ]
    if output.as_json:
        output.result({"hits": found})
    elif rows:
        output.table(("kind", "in", "text", "vertex"), rows)
    else:
        output.result({}, ["nothing was found"])


def _in_space(space: str, query: str, limit: int) -> list[dict[str, Any]]:
    hits: list[dict[str, Any]] = []
    before = None
    while len(hits) < limit:
        answer = ask(
            "space.search", space=space, query=query, before=before, limit=limit - len(hits)
        )
        if answer["searched"] < answer["ops"]:
            continue
        hits += answer["hits"]
        before = answer["next"]
        if before is None:
            break
    return hits
