"""What lists say of a tree: enough to name it, and to know whether it is worth loading."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sila_daemon.core import ids, json_value
from sila_daemon.core.chat_view import ChatView
from sila_daemon.core.files_view import FilesView
from sila_daemon.core.first_pages import gather_pages
from sila_daemon.core.space import TREE_KEY, Space

if TYPE_CHECKING:
    from sila_daemon.core.json_value import Json
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.core.space import ThreadEntry

VERSION = 2
"""Raised when facts mean something else: older ones are gathered anew."""


@dataclass(frozen=True, slots=True)
class TreeFacts:
    """The facts about one tree."""

    app_id: str | None
    name: str | None
    """Of its root."""
    vertices: int
    trashed: int
    """How many vertices were deleted by themselves."""
    messages: int | None
    """Of the main branch; None where it is no chat."""
    title: str
    """Of the chat."""
    files_top: str | None
    """The vertex that holds folders and files."""
    files: int
    """How many things that one holds; files are below."""
    names: dict[str, str] = field(default_factory=dict)
    """In a space's own tree: titles by the trees that it refers to."""
    trashed_trees: list[str] = field(default_factory=list)
    """And those that it refers to from its trash only."""
    pages: dict[str, Json] = field(default_factory=dict)
    """The first pages of a large tree, see `first_pages`."""

    def encode(self) -> bytes:
        """Returns the text to keep."""
        return json_value.encode({"version": VERSION, **asdict(self)})


def decode_facts(text: bytes) -> TreeFacts | None:
    """Reads what `encode` wrote; None for facts of another version."""
    found: Any = json_value.decode(text)
    if not isinstance(found, dict) or found.pop("version", None) != VERSION:
        return None
    return TreeFacts(**found)


def facts_of(tree: RepTree, space_id: str) -> TreeFacts:
    """Gathers the facts about a tree of a space."""
    root = tree.root
    app_id = root.get("appId") if root else None
    chat, files, null = ChatView(tree), FilesView(tree), tree.vertex(ids.NULL_VERTEX)
    top = files.top
    names: dict[str, str] = {}
    trashed_trees: list[str] = []
    if tree.tree_id == space_id:
        space = Space(tree)
        names = tree_names(space)
        trashed_trees = _trashed_trees(tree)
    return TreeFacts(
        app_id=app_id if isinstance(app_id, str) else None,
        name=root.name if root else None,
        vertices=tree.vertex_count,
        trashed=0 if null is None else null.child_count,
        messages=None if chat.start is None else chat.message_count,
        title=chat.title,
        files_top=None if top is None else top.id,
        files=0 if top is None else top.child_count,
        names=names,
        trashed_trees=trashed_trees,
        pages=gather_pages(tree),
    )


def _trashed_trees(tree: RepTree) -> list[str]:
    """Returns the trees that only deleted vertices refer to.

    Goes by the property and not by the tree: a walk down would sort all children of all vertices.
    """
    is_living: dict[str, bool] = {}
    for index in tree.indices():
        if tree.text(index, TREE_KEY) is not None:
            referred = tree.value(index, TREE_KEY)
            if ids.is_tree_id(referred):
                is_living[referred] = is_living.get(referred, False) or not tree.is_deleted(index)
    return [tree_id for tree_id, living in is_living.items() if not living]


def tree_names(space: Space) -> dict[str, str]:
    """Returns the titles under which the space tree refers to app trees."""
    names = {space.id: space.name}
    stack: list[ThreadEntry] = list(space.threads())
    while stack:
        entry = stack.pop()
        stack.extend(entry.children)
        if entry.tree_id is not None:
            names.setdefault(entry.tree_id, entry.name)
    return names
