"""Somebody who chats, with commands: makes chats, writes into any, renames them, deletes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.simulation.device import SPACE
from tests.simulation.record import ViolationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable
    from random import Random

    from tests.simulation.commands import Conversation
    from tests.simulation.plan import Action
    from tests.simulation.reader import Line
    from tests.simulation.record import Record
    from tests.simulation.trace import Trace

CHATS = "chats"
"""Stands in the name of every chat that is made here."""
REFERENCE = "tid"
"""The property of a vertex that says which tree it stands for."""


class Chatter:
    """Chats on one device."""

    def __init__(self, name: str, trace: Trace, record: Record) -> None:
        self._name = name
        self._trace = trace
        self._record = record
        self._count = 0

    def doers(self) -> dict[str, Callable[[Conversation, Random, Action], Awaitable[None]]]:
        """Returns what is done for each kind of action."""
        return {
            "chat_new": self._new,
            "chat_send": self._send,
            "chat_rename": self._rename,
            "chat_delete": self._delete,
        }

    async def _new(self, talk: Conversation, _: Random, __: Action) -> None:
        name = self._text()
        made = await talk.ask("chat.new", name=name)
        tree = made["tree"]
        self._record.said(self._name, tree, tree, "name", name)
        self._record.said(self._name, SPACE, made["vertex"], REFERENCE, tree)
        self._trace.note(self._name, f"chat {tree[:8]} made")

    async def _send(self, talk: Conversation, _: Random, action: Action) -> None:
        tree, text = await _some_chat(talk, action), self._text()
        if tree:
            sent = await talk.ask("chat.send", tree=tree, text=text)
            self._record.said(self._name, tree, sent["vertex"], "text", text)
            self._trace.note(self._name, f"message for the chat {tree[:8]} acknowledged")

    async def _rename(self, talk: Conversation, _: Random, action: Action) -> None:
        tree, name = await _some_chat(talk, action), self._text()
        if tree:
            await talk.ask("chat.rename", tree=tree, name=name)
            self._record.said(self._name, tree, tree, "name", name)
            self._trace.note(self._name, f"chat {tree[:8]} renamed")

    async def _delete(self, talk: Conversation, _: Random, action: Action) -> None:
        tree = await _some_chat(talk, action)
        if tree:
            self._record.put_away.add(tree)  # Also when nobody hears the answer.
            gone = await talk.ask("chat.delete", tree=tree)
            for vertex in gone["vertices"]:
                self._record.moved(self._name, SPACE, vertex, "0")
            self._trace.note(self._name, f"chat {tree[:8]} deleted")

    def _text(self) -> str:
        self._count += 1
        return f"{self._name} {CHATS} {self._count}"


async def _some_chat(talk: Conversation, action: Action) -> str | None:
    chats = sorted(chat["tree"] for chat in (await talk.ask("chat.list"))["chats"])
    return chats[int(action.a * len(chats))] if chats else None


_NAME = re.compile('"[0-9a-f]{32}"')
"""What a forger says instead is no tree's."""


def references(lines: Iterable[Line]) -> dict[str, set[str]]:
    """Returns the trees that vertices of the space's own tree ever stood for, with those."""
    found: dict[str, set[str]] = {}
    for line in lines:
        if line.tree == SPACE and line.key == REFERENCE and _NAME.fullmatch(line.value or ""):
            found.setdefault((line.value or "").strip('"'), set()).add(line.target)
    return found


def require_whole_chats(lines: Collection[Line], record: Record) -> None:
    """Requires that no chat is there without what refers to it, nor the other way round.

    Raises ViolationError. Where a part of the world went back in time, half of a chat may be lost.
    """
    if record.has_gone_back:
        return
    referred, written = set(references(lines)), {line.tree for line in lines}
    chats = {line.tree for line in lines if line.key == "name" and CHATS in (line.value or "")}
    for tree in sorted(referred - written):
        raise ViolationError(f"the space refers to the chat {tree}, of which nothing is there")
    for tree in sorted(chats - referred - {SPACE}):
        raise ViolationError(f"nothing refers to the chat {tree}")
