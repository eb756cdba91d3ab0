"""What screens and panes say about commands: which they do themselves, and with what words."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sila_tui.facts import SpaceFacts


class Commanded:
    """Does none; screens and panes that do some say so."""

    TAKES: ClassVar[frozenset[str]] = frozenset()
    """The commands that are done here, with their arguments."""

    @property
    def space_at_hand(self) -> SpaceFacts | None:
        """The space that a command means when it names none."""
        return None

    def takes(self) -> frozenset[str]:
        """The commands that are done here now."""
        return self.TAKES

    def take(self, name: str, given: Mapping[str, str]) -> None:
        """Does one of them. Raises SilaError with what to write instead."""

    def choices(self, kind: str) -> list[tuple[str, str]]:
        """What an argument of a kind may be here, and what is known of each."""
        return []
