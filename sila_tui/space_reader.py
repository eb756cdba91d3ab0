"""Asks the daemon about one space and gives values; knows the methods so that no widget has to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import NotFoundError
from sila_tui.contents import Chat, ChatEntry, Message, TreeFacts, VertexFacts
from sila_tui.facts import rows, text_of
from sila_tui.outline import Entry, Outline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from sila_tui.link import Link

PAGE = 200
"""Children asked for at a time; the daemon gives at most 500."""
FOLDER_DEPTH_MAX = 12
"""Folders of chats below this depth are not looked into."""
STEPS_MAX = 300
"""From a root down to what a person is shown the way to."""
CHAT_APP, FILES_APP = "default-chat", "files"
TRASH_ID = "0"
"""The root under which a tree keeps what was deleted."""


@dataclass(frozen=True)
class Page:
    """Some children of a vertex; `after` asks for the next ones, None when these were the last."""

    children: tuple[VertexFacts, ...]
    after: str | None


class SpaceReader:
    """The daemon's view of one space."""

    def __init__(self, link: Link, space_id: str) -> None:
        self._link = link
        self.space_id = space_id
        self._chat: tuple[str, Chat] | None = None
        """The chat that was asked for last, with its tree."""

    async def _call(self, method: str, **params: Any) -> Any:
        return await self._link.call(method, space=self.space_id, **params)

    async def outline(self) -> Outline:
        """Everything that the sidebar names.

        A chat that no thread names any more, because it was deleted, is left to the trees.
        """
        trees = [TreeFacts.read(row) for row in rows((await self._call("tree.list"))["trees"])]
        listed = rows((await self._call("chat.list"))["chats"])
        chats = {chat.tree: chat for chat in map(ChatEntry.read, listed)}
        names = await self.secret_names()
        entries = [entry async for entry in self._threads(trees, chats)]
        if not entries:
            # Without a list of threads the daemon's own order is the best there is.
            entries = [Entry(chat.title, 0, chat.tree, chat.messages) for chat in chats.values()]
        return Outline(tuple(entries), tuple(trees), tuple(names))

    async def _threads(
        self, trees: list[TreeFacts], chats: dict[str, ChatEntry]
    ) -> AsyncIterator[Entry]:
        """The chats in their folders, as the space tree orders them."""
        root = next((tree.id for tree in trees if tree.role == "space"), None)
        if root is None:
            return
        async for child in self._children(root, None):
            if child.name == "threads":
                async for entry in self._folder(root, child.id, 0, chats):
                    yield entry

    async def _folder(
        self, root: str, vertex: str, depth: int, chats: dict[str, ChatEntry]
    ) -> AsyncIterator[Entry]:
        async for child in self._children(root, vertex):
            tree = child.properties.get("tid")
            if not isinstance(tree, str):
                yield Entry(child.title, depth, "", child.child_count, vertex)
            elif (chat := chats.get(tree)) is not None:
                yield Entry(child.name or chat.title, depth, tree, chat.messages, vertex)
            # A chat may have others below it, as a folder has.
            if child.child_count and depth < FOLDER_DEPTH_MAX:
                async for entry in self._folder(root, child.id, depth + 1, chats):
                    yield entry

    async def _children(self, tree: str, vertex: str | None) -> AsyncIterator[VertexFacts]:
        after: str | None = None
        while True:
            page = await self.page(tree, vertex, after)
            for child in page.children:
                yield child
            if page.after is None:
                return
            after = page.after

    async def page(self, tree: str, vertex: str | None, after: str | None = None) -> Page:
        """Some children of a vertex, of the root when it is None."""
        answer = await self._call(
            "vertex.children", tree=tree, vertex=vertex, after=after, limit=PAGE, properties=True
        )
        children = tuple(VertexFacts.read(row) for row in rows(answer.get("children")))
        return Page(children, answer.get("next"))

    async def first_children(self, tree: str, vertex: str, count: int) -> Page:
        """At least so many children of a vertex, as far as there are so many."""
        page = await self.page(tree, vertex)
        children = list(page.children)
        while page.after is not None and len(children) < count:
            page = await self.page(tree, vertex, page.after)
            children += page.children
        return Page(tuple(children), page.after)

    async def roots(self, tree: str) -> list[VertexFacts]:
        """The root of a tree and, when something is in it, its trash."""
        found = [await self.vertex(tree, None)]
        try:
            trash = await self.vertex(tree, TRASH_ID)
        except NotFoundError:
            return found
        return [*found, trash] if trash.child_count and trash.id != found[0].id else found

    async def vertex(self, tree: str, vertex: str | None) -> VertexFacts:
        """One vertex with its properties."""
        return VertexFacts.read(await self._call("vertex.get", tree=tree, vertex=vertex))

    async def steps_to(self, tree: str, vertex: str) -> list[str]:
        """The ids from the root of a tree, or from its trash, down to a vertex."""
        steps = [vertex]
        while parent := (await self.vertex(tree, steps[-1])).parent:
            if len(steps) == STEPS_MAX:
                raise NotFoundError("that stands too deep to be shown", hint="look at it by its id")
            steps.append(parent)
        return list(reversed(steps))

    async def chat(self, tree: str) -> Chat:
        """The main branch of a chat."""
        before = self._chat[1] if self._chat is not None and self._chat[0] == tree else None
        asked = before.known if before is not None else {}
        chat = Chat.read(await self._call("chat.show", tree=tree, **asked), before)
        self._chat = (tree, chat)
        return chat

    async def send(self, tree: str, text: str) -> None:
        """Adds a person's message to the end of a chat."""
        await self._call("chat.send", tree=tree, text=text, role="user")

    async def turn(self, tree: str, message: Message, step: int) -> None:
        """Makes the alternative `step` away from a message the main branch, for everybody.

        The others are told that they are not: two that say so would leave it to their order.
        """
        wanted = message.alternatives[(message.index + step) % len(message.alternatives)]
        edits = [
            {"do": "set", "vertex": other, "key": "main", "value": other == wanted}
            for other in message.alternatives
        ]
        await self._call("edit.apply", tree=tree, edits=edits)

    async def apply(
        self, tree: str, edits: Sequence[Mapping[str, Any]], *, is_meant: bool = False
    ) -> list[str]:
        """Keeps all edits of a tree or none; returns the vertex of each.

        Those that delete much of a space are refused with `mass_change` until they `is_meant`.
        """
        force = {"force": True} if is_meant else {}
        answer = await self._call("edit.apply", tree=tree, edits=list(edits), **force)
        return [text_of(result.get("vertex")) for result in rows(answer["results"])]

    async def secret_names(self) -> list[str]:
        """The names of the secrets."""
        return [text_of(name) for name in (await self._call("secret.list"))["names"]]

    async def secret(self, name: str) -> str:
        """The value of a secret."""
        return text_of((await self._call("secret.get", name=name)).get("value"))

    async def set_secret(self, name: str, value: str) -> None:
        """Keeps a secret under a name."""
        await self._call("secret.set", name=name, value=value)

    async def unset_secret(self, name: str) -> None:
        """Removes a secret, here and on the servers that have it."""
        await self._call("secret.unset", name=name)
