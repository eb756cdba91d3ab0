"""What making and deleting chats answers."""

from __future__ import annotations

from sila_daemon.control.results import Result


class ChatMade(Result):
    """The tree of a new chat, and what in the space's own tree refers to it."""

    tree: str
    vertex: str


class ChatDeleted(Result):
    """What referred to the chat in the space's own tree, and lies in its trash now."""

    vertices: list[str]
