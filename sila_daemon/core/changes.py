"""What observers of a tree are told: typed changes, one list for each merge or edit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VertexCreated:
    """A vertex that was not there is there now, with whatever properties it has."""

    vertex: str
    parent: str | None


@dataclass(frozen=True, slots=True)
class VertexMoved:
    """A vertex has another parent; several moves in one batch give one change."""

    vertex: str
    old_parent: str | None
    parent: str | None


@dataclass(frozen=True, slots=True)
class PropertyChanged:
    """Ops on a property of an existing vertex arrived; read the tree for its value."""

    vertex: str
    key: str


Change = VertexCreated | VertexMoved | PropertyChanged
