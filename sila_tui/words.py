"""The words, symbols and figures of the screen: pure functions, the same in every view.

Nothing that people or other programs wrote reaches the terminal without passing `clean` or
`clean_lines`: control characters could move the cursor, and a lone surrogate cannot be encoded.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, tzinfo

WORST_FIRST = ("broken", "needs_you", "syncing", "offline", "paused", "current")
"""The states of a space or a server, the one to speak about first at the front."""

MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass(frozen=True)
class Symbols:
    """One sign of a single cell for each thing that has one."""

    current: str = "●"
    syncing: str = "◐"
    offline: str = "○"
    paused: str = "‖"
    needs_you: str = "!"
    broken: str = "✕"
    unknown: str = "·"
    cursor: str = "▌"
    rule: str = "─"
    opened: str = "▾"
    closed: str = "▸"
    into: str = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
    back: str = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"
    dot: str = "·"
    more: str = "…"
    bars: str = "▁▂▃▄▅▆"
    thick: str = "━"
    """Beside `rule`: as far as something has come."""
    upper_half: str = "▀"
    """Two pixels of a picture; empty where there is no such sign, and no picture then."""
    turns: str = "◐◓◑◒"

    def of_state(self, state: str) -> str:
        """The sign of one of the six states; of `unknown` for any other."""
        return str(getattr(self, state)) if state in WORST_FIRST else self.unknown


UNICODE = Symbols()
ASCII = Symbols(
    current="*", syncing="~", offline="o", paused="=", broken="x", unknown=".", cursor=">",
    rule="-", opened="v", closed=">", into=">", back="<", dot="-", more="~", bars="_.-=oO",
    upper_half="",
    thick="=",
    turns="|/-\\",
)  # fmt: skip


def worst(states: list[str]) -> str:
    """The state that deserves attention first; `current` when none of them is one of the six."""
    known = [WORST_FIRST.index(state) for state in states if state in WORST_FIRST]
    return WORST_FIRST[min(known)] if known else "current"


def clean(text: str) -> str:
    """One line that is safe to show: breaks become spaces, what cannot be shown becomes U+FFFD."""
    return _safe(" ".join(text.split("\n")))


def clean_lines(text: str) -> str:
    """Text that is safe to show with its line breaks kept and tabs spread to four spaces."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ").split("\n")
    return "\n".join(map(_safe, lines))


def _safe(line: str) -> str:
    # Nearly every line is fine as it is, and is found to be so some hundred times faster.
    return line if line.isprintable() else "".join(map(_shown, line))


def _shown(char: str) -> str:
    if char.isprintable():
        return char
    kind = unicodedata.category(char)
    if kind == "Zs" or char in "\t\r":
        return " "
    # Joiners and variation selectors build emoji and script forms; other format characters (the
    # bidirectional controls above all) can make a line show something else than it says.
    if char in "\u200c\u200d":
        return char
    return "" if kind == "Cf" else "\N{REPLACEMENT CHARACTER}"


def counted(number: int, thing: str, things: str = "") -> str:
    """For example `1 op`, `12,480 ops`."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def size(size_bytes: int) -> str:
    """Bytes in decimal units with at most two digits that matter: `220 kB`, `3.1 GB`."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    value, unit = size_bytes / 1000, "kB"
    for larger in ("MB", "GB", "TB", "PB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.1f} {unit}" if value < 9.95 else f"{value:.0f} {unit}"


def span(seconds: float) -> str:
    """A length of time as one figure: `12 s`, `5 min`, `2 h`, `3 days`."""
    whole = max(0, int(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min"
    if whole < 2 * DAY:
        return f"{whole // HOUR} h"
    return f"{whole // DAY} days"


def ago(seconds: float) -> str:
    """How long ago something was; `just now` below two seconds and for clocks that disagree."""
    return "just now" if seconds < 2 else f"{span(seconds)} ago"


def clock_time(at: float, now: float, zone: tzinfo | None) -> str:
    """The time of day, with the date in front when it is not today."""
    then, today = datetime.fromtimestamp(at, zone), datetime.fromtimestamp(now, zone)
    if then.date() == today.date():
        return f"{then:%H:%M}"
    return f"{then:%b} {then.day} {then:%H:%M}" if then.year == today.year else f"{then:%Y-%m-%d}"


def exact_time(at: float, now: float, zone: tzinfo | None) -> str:
    """The time of day to the second; the date, as wide, when that is not today."""
    then, today = datetime.fromtimestamp(at, zone), datetime.fromtimestamp(now, zone)
    return f"{then:%H:%M:%S}" if then.date() == today.date() else f"{then:%b} {then.day}".ljust(8)


def sparkline(counts: list[int], symbols: Symbols) -> str:
    """One bar for each count, the tallest for the largest; a flat line when all are zero."""
    top = max(counts, default=0)
    last = len(symbols.bars) - 1
    return "".join(symbols.bars[-(-count * last // top) if top else 0] for count in counts)


def short_path(path: str, home: str) -> str:
    """The path with the home folder written as `~`."""
    return "~" + path[len(home) :] if home and (path + "/").startswith(home + "/") else path
