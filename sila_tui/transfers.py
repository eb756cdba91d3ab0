"""Files on their way, as the daemon tells them, and how much arrived lately."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from sila_tui.facts import place_name, rows, text_of, whole
from sila_tui.words import size, span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sila_tui.words import Symbols

BUCKET_S = 15
BUCKETS = 20
"""Bars of the graph: the last five minutes."""
WAYS = {"down": "receiving", "up": "sending"}


@dataclass(frozen=True)
class Transfer:
    """One file between this machine and a server."""

    space_id: str
    file: str
    """The hash or id of its content."""
    direction: str
    server: str
    done: int
    total: int | None
    rate: int
    """Bytes a second."""
    seconds_left: float | None

    @property
    def share(self) -> float | None:
        """How much of it has travelled, from 0 to 1; None where the total is not known."""
        return min(1.0, self.done / self.total) if self.total else None

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Transfer:
        """Reads one element of `transfers` in `transfer.list`."""
        total = row.get("total")
        return cls(
            text_of(row.get("space")),
            text_of(row.get("file")),
            text_of(row.get("direction")),
            place_name(str(row.get("server") or "")),
            whole(row.get("done")),
            None if total is None else whole(total),
            whole(row.get("bytesPerSecond")),
            _seconds(row.get("secondsLeft")),
        )

    def words(self, symbols: Symbols) -> str:
        """How it goes."""
        known = f"of {size(self.total)}" if self.total else f"{size(self.done)} so far"
        return f" {symbols.dot} ".join([known, *_pace(self.rate, self.seconds_left)])


@dataclass(frozen=True)
class Way:
    """What is still to travel between a space and its servers in one direction."""

    space_id: str
    direction: str
    files: int
    size_bytes: int
    rate: int
    seconds_left: float | None
    moved_bytes: int

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Way:
        """Reads one element of `totals` in `transfer.list`."""
        return cls(
            text_of(row.get("space")),
            text_of(row.get("direction")),
            whole(row.get("files")),
            whole(row.get("bytes")),
            whole(row.get("bytesPerSecond")),
            _seconds(row.get("secondsLeft")),
            whole(row.get("movedBytes")),
        )

    def words(self, symbols: Symbols) -> str:
        """How much is left and how long that takes."""
        *left, rate = _pace(self.rate, self.seconds_left) or [""]
        known = ", ".join([size(self.size_bytes), *left])
        known = known if left else f"{known} left"
        return f"{known} {symbols.dot} {rate}" if rate else known

    @property
    def sentence(self) -> str:
        """What happens, in a word."""
        return WAYS.get(self.direction, "moving")


class Transfers:
    """The last answer to `transfer.list`, and what could be seen to move between answers."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.active: tuple[Transfer, ...] = ()
        self.ways: tuple[Way, ...] = ()
        self.names: dict[tuple[str, str], str] = {}
        """What files are called, by space and content; filled by whoever knows."""
        self._moved: dict[str, int] = {}
        self._buckets: dict[str, dict[int, int]] = {}

    def feed(self, answer: Mapping[str, Any]) -> None:
        """Takes an answer."""
        self.active = tuple(Transfer.read(row) for row in rows(answer.get("transfers")))
        self.ways = tuple(Way.read(row) for row in rows(answer.get("totals")))
        bucket = int(self._now() // BUCKET_S)
        for space_id in {way.space_id for way in self.ways}:
            moved = sum(way.moved_bytes for way in self.ways if way.space_id == space_id)
            moved += sum(one.done for one in self.active if one.space_id == space_id)
            # The first answer tells of what moved before anybody looked.
            fresh = max(0, moved - self._moved.get(space_id, moved))
            self._moved[space_id] = moved
            counts = self._buckets.setdefault(space_id, {})
            counts[bucket] = counts.get(bucket, 0) + fresh
            self._buckets[space_id] = {
                at: count for at, count in counts.items() if at > bucket - BUCKETS
            }

    def of_space(self, space_id: str) -> list[Way]:
        """The directions in which files of a space have still to travel, what comes first."""
        found = [way for way in self.ways if way.space_id == space_id and way.files]
        return sorted(found, key=lambda way: way.direction)

    def files_of(self, way: Way) -> list[Transfer]:
        """The files that move in one direction now."""
        place = (way.space_id, way.direction)
        return [one for one in self.active if (one.space_id, one.direction) == place]

    def of_file(self, space_id: str, file: str) -> Transfer | None:
        """The transfer of one file to this machine, if it is on its way."""
        place = (space_id, file, "down")
        found = (one for one in self.active if (one.space_id, one.file, one.direction) == place)
        return next(found, None)

    def name_of(self, transfer: Transfer) -> str:
        """What the file is called, else the first characters of its hash."""
        return self.names.get((transfer.space_id, transfer.file)) or transfer.file[:12]

    @property
    def unnamed(self) -> set[str]:
        """The spaces of which a file moves that nobody has told the name of."""
        known = self.names
        return {one.space_id for one in self.active if (one.space_id, one.file) not in known}

    def graph(self, space_id: str) -> list[int]:
        """Bytes that moved in each quarter of the last minutes, the newest last."""
        bucket, counts = int(self._now() // BUCKET_S), self._buckets.get(space_id, {})
        return [counts.get(at, 0) for at in range(bucket - BUCKETS + 1, bucket + 1)]


def _pace(rate: int, seconds_left: float | None) -> list[str]:
    if not rate:
        return []
    left = [] if seconds_left is None else [f"{span(ceil(seconds_left))} left"]
    return [*left, f"{size(rate)}/s"]


def _seconds(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def bar(share: float, width: int, symbols: Symbols) -> str:
    """A line that is thick as far as something has come."""
    done = round(share * width)
    return symbols.thick * done + symbols.rule * (width - done)
