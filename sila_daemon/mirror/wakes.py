"""Tells the layers of a space that there is something to do; says nothing about what."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class News(Enum):
    """What may have changed in the store."""

    OPS = "ops"
    SECRETS = "secrets"
    BLOBS = "blobs"
    STATE = "state"
    """The state of a layer, as status shows it."""


class Wakes:
    """The layers' doorbells. A ring may be for nothing; none is ever missed."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[News], None]] = []

    def listen(self, listener: Callable[[News], None]) -> Callable[[], None]:
        """Has `listener` called at each ring; returns a function that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def ring(self, news: News) -> None:
        """Calls everyone; listeners only take notes."""
        for listener in tuple(self._listeners):
            listener(news)
