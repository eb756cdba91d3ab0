"""The lines of a window of messages: which line belongs to which message, and where each begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_tui.widgets.chat_lines import MessageLayout, message_lines
from sila_tui.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from rich.console import Console
    from textual.strip import Strip

    from sila_tui.contents import Message

Key = tuple[object, ...]


class ChatBlock:
    """Lays out what is near one message; what has not changed since the last time is kept."""

    def __init__(self) -> None:
        self.first = 0
        """The first message that has lines, and so the number of those before it."""
        self.end = 0
        """The messages before this one have lines."""
        self.later = 0
        """The number of messages after those that have lines."""
        self._lines: list[tuple[int, Strip]] = []
        """The index of a message, or -1 for the gap after it, and what to draw."""
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
        self.later = len(messages) - end
        self._join(window)
        self._tops_by_id = {messages[index].id: top for index, top in self._tops.items()}

    def _join(self, window: dict[int, list[Strip]]) -> None:
        self._lines, self._tops = [], {}
        for index in range(self.first, self.end):
            strips = window[index]
            self._tops[index] = self._lead + len(self._lines)
            # The empty line after a message belongs to none.
            self._lines += [(index, strip) for strip in strips[:-1]] + [(-1, strips[-1])]

    @property
    def _lead(self) -> int:
        """Lines above the messages: one that tells of earlier ones, where there are any."""
        return 1 if self.first else 0

    @property
    def height(self) -> int:
        """The number of lines, with those that tell of earlier and later messages."""
        return self._lead + len(self._lines) + (1 if self.later else 0)

    def line_at(self, line: int) -> tuple[int, Strip] | str:
        """The index of a message, or -1 for a gap, and what to draw; or words in place of both."""
        at = line - self._lead
        if at < 0:
            return f"{counted(self.first, 'earlier message')}: go up to see them"
        if at < len(self._lines):
            return self._lines[at]
        is_last = at == len(self._lines) and self.later
        return f"{counted(self.later, 'later message')}: go down to see them" if is_last else ""

    def extent(self, index: int) -> tuple[int, int] | None:
        """The first line of a message and how many it has; None when it is not laid out."""
        if index not in self._tops:
            return None
        top = self._tops[index]
        return top, self._tops.get(index + 1, self._lead + len(self._lines)) - top

    def has_margin(self, index: int, lines: int) -> bool:
        """Whether so many lines stand on both sides of a message, or all that there are."""
        top, height = self.extent(index) or (0, 0)
        below = self._lead + len(self._lines) - (top + height)
        return height > 0 and (
            (self.first == 0 or top - self._lead >= lines) and (self.later == 0 or below >= lines)
        )

    def top_of(self, message: Message | None) -> int | None:
        """The first line of a message, whatever its index is; None when it is not laid out."""
        return None if message is None else self._tops_by_id.get(message.id)

    def message_at(self, line: int) -> int | None:
        """The index of the message that has a line, or of the one before a gap."""
        above = self._lines[: max(0, line - self._lead) + 1]
        return next((index for index, _ in reversed(above) if index >= 0), None)
