"""What a terminal would show of the bytes that a program writes: as much of one as our app needs.

Knows moving the cursor, clearing, text with wide and joined characters; colours and most modes are
passed over. Of a frame that is marked as one (mode 2026) nothing is shown before it is whole. Says
so when it meets a sequence that would move what is on the screen otherwise.
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING

from rich.cells import cell_len

if TYPE_CHECKING:
    from collections.abc import Callable

_PIECE = re.compile(
    r"\x1b\[(?P<parameters>[<=>?]?[0-9;:]*)(?P<middle>[ -/]*)(?P<final>[@-~])"
    r"|\x1b[\]P_^](?P<string>[^\x07\x1b]*)(?:\x07|\x1b\\)"
    r"|\x1b[()](?P<charset>.)"
    r"|\x1b(?P<other>[^\[\]P_^()])"
    r"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f])"
    r"|(?P<text>[^\x00-\x1f\x7f]+)",
    re.DOTALL,
)
_HARMLESS = frozenset("mhlnpqtucr")
"""Ends of sequences that colour, switch modes or ask something."""
_JOINER = "\u200d"


class UnknownSequence(Exception):
    """The program wrote what this reader would show wrongly."""


class ScreenReader:
    """The cells of a screen of `columns` by `rows`, kept as text."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self._cells = [[" "] * columns for _ in range(rows)]
        self._x = self._y = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._before: tuple[list[str], tuple[int, int]] | None = None
        """What was to be seen when the frame began that is being drawn."""
        self.answers = b""
        """What a terminal answers to what it was asked, until somebody takes it."""

    def feed(self, data: bytes) -> None:
        """Takes what the program wrote; a sequence may be cut anywhere."""
        text, self._rest = self._rest + self._decoder.decode(data), ""
        at = 0
        while at < len(text):
            piece = _PIECE.match(text, at)
            if piece is None:
                # The beginning of a sequence whose end has not come.
                self._rest = text[at:]
                return
            self._take(piece)
            at = piece.end()

    @property
    def lines(self) -> list[str]:
        """The screen line by line, without the spaces at the ends."""
        return self._before[0] if self._before else self._drawn()

    def _drawn(self) -> list[str]:
        return ["".join(row).rstrip() for row in self._cells]

    @property
    def text(self) -> str:
        """The whole screen."""
        return "\n".join(self.lines)

    @property
    def cursor(self) -> tuple[int, int]:
        """Column and line of the cursor, from 0."""
        return self._before[1] if self._before else (self._x, self._y)

    def _take(self, piece: re.Match[str]) -> None:
        if piece["text"]:
            self._write(piece["text"])
        elif piece["control"]:
            self._control(piece["control"])
        elif piece["final"]:
            self._mode(piece["parameters"], piece["final"])
            self._sequence(piece["parameters"], piece["final"])
        elif piece["other"] and piece["other"] not in "=>78":
            raise UnknownSequence(repr(piece[0]))

    def _mode(self, parameters: str, final: str) -> None:
        if parameters != "?2026":
            return
        if final == "h":
            self._before = self._drawn(), (self._x, self._y)
        elif final == "l":
            self._before = None
        elif final == "p":
            self.answers += b"\x1b[?2026;2$y"

    def _control(self, char: str) -> None:
        if char == "\r":
            self._x = 0
        elif char == "\n":
            self._y = min(self._y + 1, self.rows - 1)
        elif char == "\b":
            self._x = max(0, self._x - 1)

    def _sequence(self, parameters: str, final: str) -> None:
        if parameters[:1] in ("<", "=", ">", "?") or final in _HARMLESS:
            return
        numbers = [int(number or 0) for number in parameters.split(";")]
        moves: dict[str, Callable[[], None]] = {
            "H": lambda: self._go(numbers[-1] - 1 if len(numbers) > 1 else 0, numbers[0] - 1),
            "f": lambda: self._go(numbers[-1] - 1 if len(numbers) > 1 else 0, numbers[0] - 1),
            "A": lambda: self._go(self._x, self._y - (numbers[0] or 1)),
            "B": lambda: self._go(self._x, self._y + (numbers[0] or 1)),
            "C": lambda: self._go(self._x + (numbers[0] or 1), self._y),
            "D": lambda: self._go(self._x - (numbers[0] or 1), self._y),
            "G": lambda: self._go(numbers[0] - 1, self._y),
            "J": lambda: self._clear(numbers[0]),
            "K": lambda: self._clear_line(numbers[0]),
        }
        if final not in moves:
            raise UnknownSequence(f"ESC [ {parameters} {final}")
        moves[final]()

    def _go(self, x: int, y: int) -> None:
        self._x = max(0, min(x, self.columns - 1))
        self._y = max(0, min(y, self.rows - 1))

    def _clear(self, how: int) -> None:
        self._clear_line(how)
        gone = {0: range(self._y + 1, self.rows), 1: range(self._y)}.get(how, range(self.rows))
        for y in gone:
            self._cells[y] = [" "] * self.columns

    def _clear_line(self, how: int) -> None:
        ends = {0: (self._x, self.columns), 1: (0, self._x + 1)}.get(how, (0, self.columns))
        for x in range(*ends):
            self._cells[self._y][x] = " "

    def _write(self, text: str) -> None:
        for char in text:
            row, width = self._cells[self._y], cell_len(char)
            before = self._x - 1
            while before > 0 and not row[before]:
                before -= 1
            if before >= 0 and (not width or row[before].endswith(_JOINER)):
                # Belongs to the character before it, and takes no room of its own.
                row[before] += char
                continue
            if self._x + width > self.columns:
                continue
            row[self._x] = char
            # The right half of a wide character is empty.
            row[self._x + 1 : self._x + width] = [""] * (width - 1)
            self._x += width
