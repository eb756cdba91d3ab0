"""The trees that a space refers to: made, renamed and put away together with what names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from sila_daemon.core.errors import NotFoundError
from sila_daemon.core.space import Space
from sila_daemon.core.undo import EditStep, recorded
from sila_daemon.ports.randomness import new_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.mirror.layers import Layers
    from sila_daemon.mirror.undo_stack import UndoStack
    from sila_daemon.ports.randomness import Randomness

T = TypeVar("T")


class MadeTree(NamedTuple):
    """A new app tree."""

    tree_id: str
    vertex_id: str
    """What refers to it in the space's own tree."""


class AppTrees:
    """The app trees of one space. Everything waits until the space is open."""

    def __init__(
        self,
        space_id: str,
        ready_layers: Callable[[], Awaitable[Layers]],
        randomness: Randomness,
        undo_stack: UndoStack,
    ) -> None:
        self._space_id = space_id
        self._ready_layers = ready_layers
        self._randomness = randomness
        self._undo_stack = undo_stack

    async def create(
        self,
        app_id: str,
        build: Callable[[RepTree], object],
        name: str = "",
        parent: str | None = None,
    ) -> MadeTree:
        """Makes an app tree and refers to it from the space's threads, in one commit.

        `parent` is a vertex below the threads. Raises NotFoundError when there is none.
        """
        layers = await self._ready_layers()
        tree_id = new_id(self._randomness)

        def fill(tree: RepTree) -> None:
            tree.create_root().set("appId", app_id)
            build(tree)

        def make(trees: list[RepTree]) -> tuple[str, EditStep, EditStep]:
            space_tree, tree = trees
            vertex, step = recorded(
                space_tree, lambda above: Space(above).add_tree(tree_id, name, parent=parent).id
            )
            return vertex, step, recorded(tree, fill)[1]

        vertex, step, made = await layers.intake.edit([self._space_id], make, fresh_ids=[tree_id])
        self._undo_stack.note(step, made=made)
        return MadeTree(tree_id, vertex)

    async def rename(self, tree_id: str, name: str) -> None:
        """Gives an app tree another name, in its root and wherever the space refers to it."""
        layers = await self._ready_layers()

        def set_names(space_tree: RepTree) -> None:
            for vertex in Space(space_tree).references(tree_id):
                vertex.set("name", name)

        def set_root(tree: RepTree) -> None:
            if tree.root is None:
                raise NotFoundError(f"the tree {tree_id} has no root (yet)", code="no_vertex")
            tree.root.set("name", name)

        def act(trees: list[RepTree]) -> list[EditStep]:
            return [
                recorded(tree, change)[1]
                for tree, change in zip(trees, (set_names, set_root), strict=True)
            ]

        self._undo_stack.note(*await layers.intake.edit([self._space_id, tree_id], act))

    async def put_away(self, tree_id: str, *, is_meant: bool = False) -> list[str]:
        """Moves what refers to an app tree to the trash; returns those vertices.

        The tree itself stays as it is. Raises NotFoundError when nothing refers to it,
        ProtectionError where much of the space stands below, unless that is said to be meant.
        """
        layers = await self._ready_layers()

        def act(trees: list[RepTree]) -> tuple[list[str], EditStep]:
            return recorded(trees[0], lambda tree: _put_away(Space(tree), tree_id))

        found, step = await layers.intake.edit([self._space_id], act, is_meant=is_meant)
        self._undo_stack.note(step)
        return found


def _put_away(space: Space, tree_id: str) -> list[str]:
    found = [vertex.id for vertex in space.references(tree_id)]
    if not found:
        raise NotFoundError(
            f"nothing in the space refers to the tree {tree_id}",
            hint="it may lie in the trash already",
        )
    for vertex_id in found:
        space.tree.delete(vertex_id)
    return found
