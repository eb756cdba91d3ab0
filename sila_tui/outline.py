"""What a space consists of, as the rows of a sidebar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_tui.contents import TreeFacts


@dataclass(frozen=True)
class Entry:
    """A chat, or a folder of chats when `tree` is empty."""

    title: str
    depth: int
    tree: str
    count: int
    """Messages of a chat."""


@dataclass(frozen=True)
class Item:
    """One row: a heading when `view` is empty, else something that a pane can show."""

    title: str
    depth: int = 0
    view: str = ""
    """`chat`, `files`, `secrets` or `tree`; `trees` lists or hides the rows below it."""
    tree: str = ""
    count: int = 0
    is_folder: bool = False
    is_open: bool | None = None
    """Whether what is below it is listed; None for what has nothing below it."""


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
                 is_folder=not chat.tree)
            for chat in self.chats
        ]  # fmt: skip
        trees = [Item(tree.title, 1, "tree", tree.id, tree.vertices) for tree in self.trees]
        return [
            Item("Chats"),
            *(chats or [Item("none yet", 1, is_folder=True)]),
            Item(""),
            Item("Files", 0, "files"),
            Item("Secrets", 0, "secrets", count=len(self.secrets)),
            Item(""),
            Item("Trees", 0, "trees", count=len(trees), is_open=with_trees),
            *(trees if with_trees else []),
        ]

    def chat_title(self, tree: str) -> str:
        """The title of a chat; empty when it is not listed."""
        return next((chat.title for chat in self.chats if chat.tree == tree), "")
