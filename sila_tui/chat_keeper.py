"""Asks the daemon to make, rename and delete chats of one space."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

    async def delete(self, tree: str, *, is_meant: bool = False) -> list[str]:
        """Moves a chat to the trash; returns what of the space tree went there."""
        force = {"force": True} if is_meant else {}
        answer = await self._link.call("chat.delete", space=self._space_id, tree=tree, **force)
        return [text_of(vertex) for vertex in answer["vertices"]]

    async def restore(self, vertices: list[str]) -> None:
        """Takes out of the trash what `delete` put there."""
        edits = [{"do": "restore", "vertex": vertex} for vertex in vertices]
        space = self._space_id
        await self._link.call("edit.apply", space=space, tree=space, edits=edits)
