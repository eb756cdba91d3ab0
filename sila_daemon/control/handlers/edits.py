"""`edit.*`: several edits of one tree, kept together or not at all, and the last taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sila_daemon.control import messages, results, undo_results
from sila_daemon.control.handlers.trees import find_tree, found_vertex
from sila_daemon.core import json_value
from sila_daemon.core.errors import UsageError
from sila_daemon.core.ids import NULL_VERTEX
from sila_daemon.core.rep_tree import nothing_to_go_back_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sila_daemon.control.connection import Handler
    from sila_daemon.control.host import SpaceKeeper
    from sila_daemon.core.rep_tree import RepTree

    Step = (
        messages.NewVertex
        | messages.SetProperty
        | messages.UnsetProperty
        | messages.MoveVertex
        | messages.DeleteVertex
    )

EDITS_MAX = 10_000
UNDONE_SHOWN_MAX = 100


class EditHandlers:
    """Changes trees."""

    def __init__(self, spaces: SpaceKeeper) -> None:
        self._spaces = spaces

    def routes(self) -> dict[str, Handler]:
        """Returns the methods of this group."""
        return {"edit.apply": self.apply, "edit.undo": self.undo}

    async def apply(self, params: messages.EditParams) -> results.Applied:
        """Applies all edits in one durable step."""
        if len(params.edits) > EDITS_MAX:
            raise UsageError(f"at most {EDITS_MAX} edits at once")
        space = self._spaces.find(params.space)
        tree_id = await find_tree(space, params.tree)
        applied = await space.edit(
            tree_id, lambda tree: _apply(tree, params), is_meant=params.force
        )
        return results.Applied(results=applied)

    async def undo(self, params: messages.UndoParams) -> undo_results.Undone:
        """Takes back the last edit that was made through this daemon."""
        space = self._spaces.find(params.space)
        step = await space.undo_stack.undo(partly=params.partly)
        shown = [
            undo_results.UndoneChange(what=what, vertex=vertex, name=name, key=key)
            for what, vertex, name, key in step.changes[:UNDONE_SHOWN_MAX]
        ]
        return undo_results.Undone(
            tree=step.tree_id,
            at=int(step.at * 1000),
            changes=shown,
            more=len(step.changes) - len(shown),
            left=step.left,
        )


def _apply(tree: RepTree, params: messages.EditParams) -> list[dict[str, Any]]:
    """Checks all edits first: a local op cannot be taken back."""
    parents: dict[str, str] = {}
    steps = [_checked(tree, edit, parents) for edit in params.edits]
    return [{"vertex": _do(tree, step)} for step in steps]


def _checked(tree: RepTree, edit: messages.Edit, parents: dict[str, str]) -> Step:
    """Returns what is to be done; raises what `_do` would raise.

    `parents` is where the edits before this one move things.
    """
    match edit:
        case messages.NewVertex():
            found_vertex(tree, edit.parent)
            for key, value in edit.properties.items():
                _check_property(key, value)
        case messages.SetProperty():
            found_vertex(tree, edit.vertex)
            _check_property(edit.key, edit.value)
        case messages.UnsetProperty():
            found_vertex(tree, edit.vertex)
            _check_property(edit.key, None)
        case messages.MoveVertex():
            found_vertex(tree, edit.vertex)
            if edit.vertex in _path_up(tree, found_vertex(tree, edit.parent).id, parents):
                raise UsageError("a vertex cannot be moved into itself or below itself")
            parents[edit.vertex] = edit.parent
        case messages.RestoreVertex():
            found_vertex(tree, edit.vertex)
            place = edit.parent or tree.place_before(edit.vertex)
            path = list(_path_up(tree, found_vertex(tree, place).id, parents))
            if edit.vertex in path or (edit.parent is None and NULL_VERTEX in path):
                raise nothing_to_go_back_to()
            parents[edit.vertex] = place
            return messages.MoveVertex(edit.vertex, place)
        case messages.DeleteVertex():
            vertex = found_vertex(tree, edit.vertex)
            if vertex.parent is None or vertex.id == NULL_VERTEX:
                raise UsageError("the root of a tree cannot be deleted")
            parents[edit.vertex] = NULL_VERTEX
    return edit


def _path_up(tree: RepTree, vertex_id: str, parents: dict[str, str]) -> Iterator[str]:
    """Yields a vertex and what will stand above it, nearest first."""
    above: str | None = vertex_id
    while above is not None:
        yield above
        vertex = tree.vertex(above)
        parent = vertex.parent if vertex else None
        above = parents.get(above, parent.id if parent else None)


def _check_property(key: str, value: Any) -> None:
    if not 0 < len(key) <= 256:
        raise UsageError("a property's key has 1 to 256 characters")
    if value in ({}, []):
        raise UsageError(
            "an empty object or list as a whole value means deletion to the original app",
            hint="unset the property, or nest the empty value in an object",
        )
    json_value.check_value(value)


def _do(tree: RepTree, edit: Step) -> str:
    match edit:
        case messages.NewVertex():
            return tree.create(found_vertex(tree, edit.parent).id, edit.properties).id
        case messages.SetProperty():
            tree.set(edit.vertex, edit.key, edit.value)
        case messages.UnsetProperty():
            tree.unset(edit.vertex, edit.key)
        case messages.MoveVertex():
            tree.move(edit.vertex, edit.parent)
        case messages.DeleteVertex():
            tree.delete(edit.vertex)
    return edit.vertex
