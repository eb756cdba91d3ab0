"""Finding widgets by their class alone: a query by selector costs ten times as much."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from textual.widget import Widget

W = TypeVar("W", bound="Widget")


def below(top: Widget, kind: type[W]) -> list[W]:
    """The widgets of a class below another one, as they stand."""
    return top.walk_children(kind, with_self=False)
