"""What the space tree means: its name, threads, assistants and the app trees it refers to.

Source: the section "What a space holds" of the space format.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sila_daemon.core import ids
from sila_daemon.core.errors import NotFoundError
from sila_daemon.core.rep_tree import RepTree

if TYPE_CHECKING:
    from sila_daemon.core.editor import Editor
    from sila_daemon.core.json_value import Json
    from sila_daemon.core.vertex import Vertex

TREE_KEY = "tid"
"""The property that refers to an app tree."""
DEFAULT_ASSISTANT = "default"
"""What the original app calls the assistant that comes with it."""
_SECTIONS = ("configs", "threads", "providers", "assets")


@dataclass(frozen=True, slots=True)
class ThreadEntry:
    """One line of the list of threads: a chat or other app tree, a folder, or both."""

    vertex_id: str
    name: str
    tree_id: str | None
    """The app tree; None for a folder that only groups."""
    created_ms: float | None
    children: list[ThreadEntry] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class AssistantConfig:
    """An assistant as the space configures it."""

    vertex_id: str
    config_id: str
    name: str
    properties: dict[str, Json]


class Space:
    """A view on a space tree; holds no state of its own."""

    def __init__(self, tree: RepTree) -> None:
        self.tree = tree

    @classmethod
    def create(cls, space_id: str, editor: Editor, name: str) -> Space:
        """Plants the space tree of a new space, as the original app does."""
        tree = RepTree(ids.checked_space_id(space_id), editor)
        root = tree.create_root()
        root.set("version", "0")
        root.set("onboarding", False)
        for section in _SECTIONS:
            root.new_child({"name": section})
        root.set("name", name)
        return cls(tree)

    @property
    def id(self) -> str:
        """The space's id, which is the id of its tree and of the tree's root."""
        return self.tree.tree_id

    @property
    def name(self) -> str:
        """The space's name; empty when it has none (yet)."""
        root = self.tree.root
        name = root.get("name") if root else None
        return name if isinstance(name, str) else ""

    def section(self, name: str) -> Vertex | None:
        """Returns the vertex below the root with that name, such as `threads`."""
        root = self.tree.root
        return root.child_named(name) if root else None

    def threads(self) -> list[ThreadEntry]:
        """Returns the threads as they are foldered."""
        section = self.section("threads")
        return _entries(section) if section else []

    def configs(self) -> list[AssistantConfig]:
        """Returns the assistants."""
        section = self.section("configs")
        return [
            AssistantConfig(child.id, _string(child.get("id")), child.name or "", child.properties)
            for child in (section.children if section else [])
        ]

    def app_tree_ids(self, *, with_deleted: bool = False) -> list[str]:
        """Returns the app trees that the space refers to, each once, in display order.

        References that are no valid tree id are left out: they must not become paths.
        """
        found: dict[str, None] = {}
        starts = [self.tree.root]
        if with_deleted:
            starts.append(self.tree.vertex(ids.NULL_VERTEX))
        for start in starts:
            for vertex in _below(start) if start else ():
                tree_id = vertex.get(TREE_KEY)
                if ids.is_tree_id(tree_id):
                    found[tree_id] = None
        return list(found)

    def references(self, tree_id: str) -> list[Vertex]:
        """Returns what refers to an app tree, without what lies in the trash."""
        root = self.tree.root
        return [
            vertex for vertex in (_below(root) if root else ()) if vertex.get(TREE_KEY) == tree_id
        ]

    def default_assistant(self) -> str:
        """Returns the id of the assistant that a chat has when nobody chose one."""
        configs = self.configs()
        known = [config.config_id for config in configs if config.config_id]
        if DEFAULT_ASSISTANT in known:
            return DEFAULT_ASSISTANT
        visible = [one.config_id for one in configs if one.properties.get("visible") is not False]
        return next(filter(None, visible), DEFAULT_ASSISTANT)

    def add_tree(
        self, tree_id: str, name: str, section: str = "threads", parent: str | None = None
    ) -> Vertex:
        """Refers to an app tree from a section of the space, made when it is missing.

        `parent` is a vertex below that section. Raises NotFoundError when there is none.
        """
        above = self.section(section)
        if above is None:
            root = self.tree.root or self.tree.create_root()
            above = root.new_child({"name": section})
        if parent not in (None, above.id):
            found = self.tree.vertex(parent)
            if found is None or above not in found.ancestors:
                raise NotFoundError(
                    f"there is no vertex {parent!a:.80} below the {section} of the space",
                    code="no_vertex",
                )
            above = found
        return above.new_child({TREE_KEY: ids.checked_tree_id(tree_id), "name": name})


def _entries(folder: Vertex) -> list[ThreadEntry]:
    # A stack instead of recursion: a hostile tree may nest folders by the hundred thousand.
    roots: list[ThreadEntry] = []
    stack = [(folder, roots)]
    while stack:
        above, siblings = stack.pop()
        for vertex in above.children:
            tree_id = vertex.get(TREE_KEY)
            entry = ThreadEntry(
                vertex.id,
                vertex.name or "",
                tree_id if ids.is_tree_id(tree_id) else None,
                vertex.created_ms,
            )
            siblings.append(entry)
            stack.append((vertex, entry.children))
    return roots


def _below(start: Vertex) -> Iterator[Vertex]:
    """Yields everything below a vertex, depth first, in display order."""
    stack = list(reversed(start.children))
    while stack:
        vertex = stack.pop()
        yield vertex
        stack.extend(reversed(vertex.children))


def _string(value: Json) -> str:
    return value if isinstance(value, str) else ""
