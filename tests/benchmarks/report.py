"""The table of figures: what was measured, what was promised, whether it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

END = "<!-- end of figures -->"


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    value: float
    unit: str
    limit: float
    at_least: bool = False
    """Whether the limit is a lower bound."""
    detail: str = ""

    @property
    def is_kept(self) -> bool:
        """Whether the promise holds."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def table(figures: Sequence[Figure]) -> str:
    """Renders the figures as a Markdown table that is also readable as it is."""
    rows = [("measured", "value", "promised", "verdict", "how")]
    rows += [
        (
            figure.what,
            _number(figure.value, figure.unit),
            ("≥ " if figure.at_least else "≤ ") + _number(figure.limit, figure.unit),
            "ok" if figure.is_kept else "over",
            figure.detail,
        )
        for figure in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _number(value: float, unit: str) -> str:
    digits = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2
    return f"{value:.{digits}f} {unit}"


def write_between_markers(page: Path, section: str, text: str) -> None:
    """Replaces what stands between the markers of a section of a page."""
    begin = f"<!-- figures: make bench ARGS='--only {section} --write' -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found_end, after = rest.partition(END)
    if not found or not found_end:
        raise SystemExit(f"{page.name} has lost its markers {begin} and {END}")
    page.write_text(f"{before}{begin}\n{text}\n{END}{after}", encoding="utf-8")
