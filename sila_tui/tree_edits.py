"""Edits of a raw tree as a person makes them: what is said of each, and how it is taken back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import UsageError
from sila_tui.contents import VertexFacts, value_kind

if TYPE_CHECKING:
    from collections.abc import Sequence

Edit = Mapping[str, Any]
"""One edit as `edit.apply` takes it."""

UNDO_MAX = 100


@dataclass(frozen=True)
class TreeEdit:
    """One step: what it is called, what it does, and what undoes it."""

    title: str
    edits: tuple[Edit, ...]
    undo: tuple[Edit, ...]
    tree: str = ""


@dataclass
class Undos:
    """The last steps of one sitting, newest last. What others did meanwhile stays as it is."""

    steps: list[TreeEdit] = field(default_factory=list)

    def note(self, step: TreeEdit) -> None:
        """Remembers a step that was kept."""
        self.steps.append(step)
        del self.steps[:-UNDO_MAX]

    def take(self) -> TreeEdit | None:
        """Returns the newest step and forgets it."""
        return self.steps.pop() if self.steps else None


def new_vertex(parent: VertexFacts, name: str) -> TreeEdit:
    """A vertex below another; `undo` needs its id and is made by `made`."""
    properties = {"name": name} if name else {}
    title = f"made {name or 'a vertex'}"
    return TreeEdit(title, ({"do": "new", "parent": parent.id, "properties": properties},), ())


def made(step: TreeEdit, vertex_ids: Sequence[str]) -> TreeEdit:
    """The same step with what undoes the vertices it made."""
    created = [
        vertex for edit, vertex in zip(step.edits, vertex_ids, strict=True) if edit["do"] == "new"
    ]
    undo = (*step.undo, *({"do": "delete", "vertex": vertex} for vertex in created))
    return TreeEdit(step.title, step.edits, undo, step.tree)


def set_value(vertex: VertexFacts, key: str, value: Any) -> TreeEdit:
    """One property with another value."""
    before = vertex.properties.get(key)
    undo: Edit = {"do": "set", "vertex": vertex.id, "key": key, "value": before}
    if key not in vertex.properties:
        undo = {"do": "unset", "vertex": vertex.id, "key": key}
    edit = {"do": "set", "vertex": vertex.id, "key": key, "value": value}
    return TreeEdit(f"set {key} of {vertex.title}", (edit,), (undo,))


def unset_value(vertex: VertexFacts, key: str) -> TreeEdit:
    """One property less."""
    undo = {"do": "set", "vertex": vertex.id, "key": key, "value": vertex.properties[key]}
    edit = {"do": "unset", "vertex": vertex.id, "key": key}
    return TreeEdit(f"removed {key} of {vertex.title}", (edit,), (undo,))


def delete(vertex: VertexFacts) -> TreeEdit:
    """A vertex, with all below it, in the trash."""
    edit, undo = ({"do": do, "vertex": vertex.id} for do in ("delete", "restore"))
    return TreeEdit(f"deleted {vertex.title}", (edit,), (undo,))


def restore(vertex: VertexFacts) -> TreeEdit:
    """A vertex out of the trash, where it was before."""
    edit, undo = ({"do": do, "vertex": vertex.id} for do in ("restore", "delete"))
    return TreeEdit(f"restored {vertex.title}", (edit,), (undo,))


def move(vertex: VertexFacts, parent: VertexFacts) -> TreeEdit:
    """A vertex, with all below it, under another one."""
    edit, undo = (
        {"do": "move", "vertex": vertex.id, "parent": above} for above in (parent.id, vertex.parent)
    )
    return TreeEdit(f"moved {vertex.title} under {parent.title}", (edit,), (undo,))


def as_text(value: object) -> tuple[str, str]:
    """A value as a person edits it: its words, and whether they are `text` or `json`."""
    if value_kind(value) == "text":
        return str(value), "text"
    return json.dumps(value, ensure_ascii=False), "json"


def from_text(words: str, kind: str) -> Any:
    """The value that a person meant. Raises UsageError for what is no JSON."""
    if kind == "text":
        return words
    try:
        return json.loads(words)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{words!a:.60} is not JSON", hint="say that it is text, or mend it"
        ) from error
