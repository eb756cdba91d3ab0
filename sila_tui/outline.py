"""What a space consists of, as the rows of a sidebar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_tui.contents import TreeFacts

WORST_RANK = 4


@dataclass(frozen=True)
class Entry:
    """A chat, or a folder of chats when `tree` is empty."""

    title: str
    depth: int
    tree: str
    count: int
    """Messages of a chat."""
    above: str = ""
    """What of the space tree it stands below."""


@dataclass(frozen=True)
class Item:
    """One row: a heading when `view` is empty, else something that a pane can show."""

    title: str
    depth: int = 0
    view: str = ""
    """`chat`, `files`, `secrets`, `trash` or `tree`; `trees` lists or hides the rows below it."""
    tree: str = ""
    count: int = 0
    is_folder: bool = False
    is_open: bool | None = None
    """Whether what is below it is listed; None for what has nothing below it."""
    above: str = ""
    """What of the space tree a chat or a folder stands below."""


@dataclass(frozen=True)
class Outline:
    """The parts of a space in the order of the sidebar."""

    chats: tuple[Entry, ...] = ()
    trees: tuple[TreeFacts, ...] = ()
    secrets: tuple[str, ...] = ()

    def items(self, *, with_trees: bool) -> list[Item]:
        """The rows of the sidebar; an empty title is a gap."""
        chats = [
            Item(chat.title, 1 + chat.depth, "chat" if chat.tree else "", chat.tree, chat.count,
                 is_folder=not chat.tree, above=chat.above)
            for chat in self.chats
        ]  # fmt: skip
        trees = [Item(tree.title, 1, "tree", tree.id, tree.vertices) for tree in self.trees]
        return [
            Item("Chats"),
            *(chats or [Item("none yet   n new chat", 1, is_folder=True)]),
            Item(""),
            Item("Files", 0, "files"),
            Item("Secrets", 0, "secrets", count=len(self.secrets)),
            Item("Trash", 0, "trash"),
            Item(""),
            Item("Trees", 0, "trees", count=len(trees), is_open=with_trees),
            *(trees if with_trees else []),
        ]

    def as_tree(self, tree: str) -> Item | None:
        """The row that shows a tree as it is."""
        items = self.items(with_trees=True)
        return next((item for item in items if (item.view, item.tree) == ("tree", tree)), None)

    def first(self, tree: str, view: str = "") -> Item | None:
        """Where to begin: what shows that tree best, or in that view, else the first chat."""
        items = self.items(with_trees=True)
        if view == "tree":
            return self.as_tree(tree)
        if view == "files":
            return next((item for item in items if item.view == view), None)
        is_files = any(known.id == tree and known.app_id == "files" for known in self.trees)
        ranks = [self._rank(item, tree, is_files=is_files) for item in items]
        best = min(ranks, default=WORST_RANK)
        return items[ranks.index(best)] if best < WORST_RANK else None

    @staticmethod
    def _rank(item: Item, tree: str, *, is_files: bool) -> int:
        """How well an item shows a tree; the lowest rank is best."""
        if tree and item.tree == tree:
            return 0 if item.view == "chat" else 2
        if item.view == "files" and is_files:
            return 1
        return 3 if item.view == "chat" else WORST_RANK

    def newest(self, item: Item) -> Item:
        """The row that shows the same, with its title of now; the given one when it is gone."""
        items = self.items(with_trees=True)
        same = (each for each in items if (each.view, each.tree) == (item.view, item.tree))
        return next(same, item)

    def chat(self, tree: str) -> Item | None:
        """The row of a chat."""
        items = self.items(with_trees=False)
        return next((item for item in items if (item.view, item.tree) == ("chat", tree)), None)

    def lacks(self, item: Item) -> bool:
        """Whether an item is a chat that is no longer listed, because it was deleted."""
        return item.view == "chat" and self.chat(item.tree) is None

    def chat_title(self, tree: str) -> str:
        """The title of a chat; empty when it is not listed."""
        return next((chat.title for chat in self.chats if chat.tree == tree), "")
