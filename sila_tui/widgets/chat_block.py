"""The lines of a window of messages: which line belongs to which message, and where each begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_tui.widgets.chat_lines import MessageLayout, message_lines

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from rich.console import Console
    from textual.strip import Strip

    from sila_tui.contents import Message

Key = tuple[object, ...]


class ChatBlock:
    """Lays out what is near one message; what has not changed since the last time is kept."""

    def __init__(self) -> None:
        self.lines: list[tuple[int, Strip]] = []
        """The index of a message, or -1 for the gap after it, and what to draw."""
        self.first = 0
        self.end = 0
        """The messages from `first` to before `end` have lines."""
        self._tops: dict[int, int] = {}
        self._tops_by_id: dict[str, int] = {}
        self._kept: dict[Key, list[Strip]] = {}

    def lay_out(
        self,
        messages: Sequence[Message],
        middle: int,
        margin: int,
        opened: Set[str],
        layout: MessageLayout,
        console: Console,
    ) -> None:
        """Makes the lines of a message and of at least `margin` lines on both sides of it."""
        fresh: dict[Key, list[Strip]] = {}
        window: dict[int, list[Strip]] = {}

        def strips(index: int) -> list[Strip]:
            message = messages[index]
            key = (message, layout.width, layout.look, message.id in opened)
            made = self._kept.get(key) or message_lines(
                message, layout, console, is_open=message.id in opened
            )
            fresh[key] = window[index] = made
            return made

        first = end = min(middle, len(messages))
        # The message itself is no margin: it may be longer than the screen.
        below = -len(strips(middle)) if middle < len(messages) else 0
        while end < len(messages) and below < margin:
            below += len(window.get(end) or strips(end))
            end += 1
        above = 0
        while first > 0 and above < margin:
            first -= 1
            above += len(strips(first))
        self._kept, self.first, self.end = fresh, first, end
        self._join(window)
        self._tops_by_id = {messages[index].id: top for index, top in self._tops.items()}

    def _join(self, window: dict[int, list[Strip]]) -> None:
        self.lines, self._tops = [], {}
        for index in range(self.first, self.end):
            strips = window[index]
            self._tops[index] = len(self.lines)
            # The empty line after a message belongs to none.
            self.lines += [(index, strip) for strip in strips[:-1]] + [(-1, strips[-1])]

    def extent(self, index: int) -> tuple[int, int] | None:
        """The first line of a message and how many it has; None when it is not laid out."""
        if index not in self._tops:
            return None
        top = self._tops[index]
        return top, self._tops.get(index + 1, len(self.lines)) - top

    def top_of(self, message_id: str) -> int | None:
        """The first line of the message with this id; None when it is not laid out."""
        return self._tops_by_id.get(message_id)

    def message_at(self, line: int) -> int | None:
        """The index of the message that has a line, or of the one before a gap."""
        above = self.lines[: max(0, line) + 1]
        return next((index for index, _ in reversed(above) if index >= 0), None)
