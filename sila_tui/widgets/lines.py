"""Helpers that lay out one line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

if TYPE_CHECKING:
    from rich.style import Style


def line(*parts: tuple[str, Style] | str | Text) -> Text:
    """One line out of pieces, each with its style."""
    return Text.assemble(*parts, no_wrap=True, end="")


def fitted(text: Text, width: int) -> Text:
    """A copy that fills exactly `width` cells, cut with an ellipsis where it is longer."""
    copy = text.copy()
    copy.truncate(max(0, width), overflow="ellipsis", pad=True)
    return copy


def sides(left: Text, right: Text, width: int, gap: int = 2) -> Text:
    """`left` and `right` at the two ends of a line; what does not fit is cut from the left one."""
    if not right.plain:
        return fitted(left, width)
    room = width - right.cell_len
    if room < gap + 8:
        return fitted(left, width)
    return Text.assemble(fitted(left, room - gap), " " * gap, right, no_wrap=True, end="")


def end_of(text: str, width: int, sign: str) -> str:
    """The end of a text where it is longer than `width` cells, after a sign that it was cut."""
    if cell_len(text) <= width:
        return text
    kept = text[-width:] if width > 0 else ""
    while kept and cell_len(sign + kept) > width:
        kept = kept[1:]
    return sign + kept
