"""The lines of a window of messages: which line belongs to which message, and where each begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_tui.widgets.chat_lines import MessageLayout, message_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from textual.strip import Strip

    from sila_tui.contents import Message


class ChatBlock:
    """Lays messages out; one that has not changed since the last time is not laid out again."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, Strip]] = []
        """The index of a message, or -1 for the gap after it, and what to draw."""
        self._tops: dict[int, int] = {}
        self._cache: dict[tuple[object, ...], list[Strip]] = {}

    def lay_out(
        self,
        messages: Sequence[Message],
        first: int,
        opened: set[str],
        layout: MessageLayout,
        console: Console,
    ) -> None:
        """Makes the lines of all messages from the index `first` on."""
        fresh: dict[tuple[object, ...], list[Strip]] = {}
        self.lines, self._tops = [], {}
        for index in range(first, len(messages)):
            message = messages[index]
            is_open = message.id in opened
            key = (message, layout.width, layout.look, is_open)
            strips = self._cache.get(key) or message_lines(
                message, layout, console, is_open=is_open
            )
            fresh[key] = strips
            self._tops[index] = len(self.lines)
            # The empty line after a message belongs to none.
            self.lines += [(index, strip) for strip in strips[:-1]] + [(-1, strips[-1])]
        self._cache = fresh

    def extent(self, index: int) -> tuple[int, int] | None:
        """The first line of a message and how many it has; None when it is not laid out."""
        if index not in self._tops:
            return None
        top = self._tops[index]
        return top, self._tops.get(index + 1, len(self.lines)) - top

    def message_at(self, line: int) -> int | None:
        """The index of the message that has a line, or of the one before a gap."""
        above = self.lines[: max(0, line) + 1]
        return next((index for index, _ in reversed(above) if index >= 0), None)
