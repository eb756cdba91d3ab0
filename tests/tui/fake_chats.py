"""How the fake daemon makes, renames and deletes chats: as vertices of the space's tree."""

from __future__ import annotations

import json
from copy import deepcopy
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.tui import sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tui.fake_daemon import FakeDaemon

Json = dict[str, Any]


class Done(NamedTuple):
    """A change, and how things were before."""

    change: Json
    tree: str
    vertices: dict[str, Json]
    chats: list[Json]


class FakeChats:
    """The list of chats of the one space that has some."""

    def __init__(self, daemon: FakeDaemon) -> None:
        self._daemon = daemon
        self._done: list[Done] = []

    @property
    def answers(self) -> dict[str, Callable[[Json], Json]]:
        """What it answers, by method."""
        return {
            "chat.new": self._new,
            "chat.rename": self._rename,
            "chat.delete": self._delete,
            "edit.undo": self._undo,
        }

    def _new(self, params: Json) -> Json:
        """Makes one."""
        chats, space = self._daemon.chats, self._space
        tree, name = f"t-new-{len(chats)}", params["name"]
        self._note("made", tree, name)
        names = {row["properties"].get("name"): vertex for vertex, row in space.items()}
        vertex, above = f"v-{tree}", params.get("parent") or names["threads"]
        space[vertex] = {"parent": above, "properties": {"tid": tree, "name": name}}
        chats.append({"tree": tree, "title": name, "messages": 0})
        return {"tree": tree, "vertex": vertex}

    def _rename(self, params: Json) -> Json:
        """Gives one another name."""
        self._note("set", params["tree"], params["name"], "name")
        for vertex in self._references(params["tree"]):
            self._space[vertex]["properties"]["name"] = params["name"]
        for chat in self._daemon.chats:
            if chat["tree"] == params["tree"]:
                chat["title"] = params["name"]
        return {}

    def _delete(self, params: Json) -> Json:
        """Moves one to the trash."""
        found = self._references(params["tree"])
        self._note("deleted", params["tree"], self._space[found[0]]["properties"]["name"])
        for vertex in found:
            self._space[vertex]["parent"] = "0"
        return {"vertices": found}

    def _undo(self, _: Json) -> Json:
        """Takes the last change back; a new chat only as long as nothing was written into it."""
        from tests.tui.fake_daemon import Refused

        if not self._done:
            raise Refused("nothing_to_undo", "nothing was edited")
        done = self._done[-1]
        if done.change["what"] == "made" and self._daemon.messages.get(done.tree):
            raise Refused("changed_since", "the chat was changed since")
        self._done.pop()
        self._space.clear()
        self._space.update(done.vertices)
        self._daemon.chats[:] = done.chats
        return {"tree": sample.WORK, "changes": [done.change], "more": 0}

    @property
    def _space(self) -> dict[str, Json]:
        return self._daemon.vertices[sample.WORK]

    def _references(self, tree: str) -> list[str]:
        """What of the space's tree names a chat, the trash left out."""
        return [
            vertex
            for vertex, row in self._space.items()
            if row["properties"].get("tid") == tree and row["parent"] != "0"
        ]

    def _note(self, what: str, tree: str, name: str, key: str | None = None) -> None:
        change = {"what": what, "vertex": f"v-{tree}", "name": name, "key": key}
        before = deepcopy((self._space, self._daemon.chats))
        self._done.append(Done(change, tree, *before))


def chat_answer(messages: list[Json], params: Json) -> Json:
    """The messages of a chat that the asker does not know yet."""
    known, last = params.get("known", 0), max(0, len(messages) - 1)
    kept = known if params.get("digest") == _digest(messages[:known]) else 0
    return {"kept": kept, "messages": messages[kept:], "digest": _digest(messages[:last])}


def _digest(messages: list[Json]) -> str:
    return sha256(json.dumps(messages).encode()).hexdigest()
