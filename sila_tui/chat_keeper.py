"""Asks the daemon to make, rename and delete chats of one space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sila_tui.facts import text_of

if TYPE_CHECKING:
    from sila_tui.link import Link


class ChatKeeper:
    """The list of chats, as it is changed."""

    def __init__(self, link: Link, space_id: str) -> None:
        self._link = link
        self._space_id = space_id

    async def make(self, name: str, above: str) -> str:
        """Makes a chat below a folder, or at the top; returns its tree."""
        place = {"parent": above} if above else {}
        answer = await self._link.call("chat.new", space=self._space_id, name=name, **place)
        return text_of(answer["tree"])

    async def rename(self, tree: str, name: str) -> None:
        """Gives a chat another name."""
        await self._link.call("chat.rename", space=self._space_id, tree=tree, name=name)

    async def delete(self, tree: str, *, is_meant: bool = False) -> None:
        """Moves a chat to the trash."""
        force = {"force": True} if is_meant else {}
        await self._link.call("chat.delete", space=self._space_id, tree=tree, **force)

    async def undo(self) -> str:
        """Takes back the last edit of the space that was made through the daemon; says which.

        Raises SilaError, also when what was made holds something that came later.
        """
        answer = await self._link.call("edit.undo", space=self._space_id)
        changes = answer["changes"]
        more = len(changes) - 1 + answer["more"]
        return f"{_sentence(changes[0])}{f' and {more} more' if more else ''}"


def _sentence(change: dict[str, Any]) -> str:
    name = change["name"] or change["vertex"]
    if change["key"] == "name":
        return f"renamed to {name}"
    return f"{change['what']} {name}" + (f": {change['key']}" if change["key"] else "")
