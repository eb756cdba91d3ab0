"""Edits of chats as steps that can be undone: other words, and other versions of a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sila_tui.tree_edits import TreeEdit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sila_tui.contents import Message


def other_words(message: Message, before: object, text: str) -> TreeEdit:
    """The same message with another text; `before` is the text that its vertex has."""
    edit = {"do": "set", "vertex": message.id, "key": "text", "value": text}
    undo: Mapping[str, Any] = {**edit, "value": before}
    if before is None:
        undo = {"do": "unset", "vertex": message.id, "key": "text"}
    return TreeEdit("changed the message", (edit,), (undo,))


def new_version(message: Message, parent: str, text: str) -> TreeEdit:
    """An alternative to a message, which the chat shows from then on, for everybody."""
    properties = {"_n": "message", "role": message.role or "user", "text": text, "main": True}
    others = [
        {"do": "set", "vertex": other, "key": "main", "value": False}
        for other in message.alternatives
    ]
    back = [
        {"do": "set", "vertex": other, "key": "main", "value": other == message.id}
        for other in message.alternatives
    ]
    new = {"do": "new", "parent": parent, "properties": properties}
    return TreeEdit("wrote another version", (*others, new), tuple(back))
