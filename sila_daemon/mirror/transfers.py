"""Which files of a space are on their way now, how fast, and for how long still."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.ports.clock import Clock
    from sila_daemon.store.blobs import BlobName

UP, DOWN = "up", "down"

RATE_S = 5.0
"""A rate is that of the last seconds: a stall shows, and a hiccup does not."""

SAMPLE_S = 0.25
"""Nobody is told of progress more often, and bytes this close together are counted as one."""


class Meter:
    """How many bytes a second went by lately."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._samples: deque[tuple[float, int]] = deque()
        self._began = 0.0

    def add(self, count: int) -> None:
        """Takes note of bytes."""
        now = self._drop_old()
        if not self._samples:
            self._began = now
        at = now
        if self._samples and now - self._samples[-1][0] < SAMPLE_S:
            at, before = self._samples.pop()
            count += before
        self._samples.append((at, count))

    @property
    def rate(self) -> float:
        """Returns bytes a second; 0 when nothing moves."""
        now = self._drop_old()
        span_s = min(max(now - self._began, SAMPLE_S), RATE_S)
        return sum(count for _, count in self._samples) / span_s

    def _drop_old(self) -> float:
        now = self._clock.monotonic()
        while self._samples and self._samples[0][0] <= now - RATE_S:
            self._samples.popleft()
        return now


@dataclass(slots=True)
class Transfer:
    """One file on its way; sizes in bytes."""

    number: int
    blob: BlobName
    direction: str
    """`up` or `down`, as seen from this machine."""
    server: str
    total: int | None
    """None while nobody has told it."""
    started_ms: int
    meter: Meter
    on_progress: Callable[[int], None]
    done: int = 0

    def advance(self, count: int) -> None:
        """Takes note of bytes that went by."""
        self.done += count
        self.meter.add(count)
        self.on_progress(count)

    def begin_at(self, offset: int) -> None:
        """Notes that so much of it went by some other time."""
        self.done = offset

    @property
    def rate(self) -> float:
        """Returns bytes a second of the last seconds."""
        return self.meter.rate

    @property
    def seconds_left(self) -> float | None:
        """Returns how long it takes at the rate of now; None when that cannot be said."""
        return None if self.total is None else seconds_for(self.total - self.done, self.meter.rate)

    async def counted(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Passes bytes on, and counts them."""
        async for chunk in chunks:
            yield chunk
            self.advance(len(chunk))


@dataclass(slots=True)
class Moved:
    """What went by since the daemon opened the space."""

    files: int = 0
    bytes: int = 0


@dataclass(slots=True)
class _Way:
    meter: Meter
    moved: Moved = field(default_factory=Moved)


class Transfers:
    """The transfers of one space; whoever listens is told at most every quarter of a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ways = {direction: _Way(Meter(clock)) for direction in (UP, DOWN)}
        self._active: dict[int, Transfer] = {}
        self._last_number = 0
        self._told_at = -SAMPLE_S
        self._listeners: list[Callable[[], None]] = []
        self.revision = 0
        """Another number with everything that listeners are told of."""

    @property
    def active(self) -> list[Transfer]:
        """What is on its way, the oldest first."""
        return list(self._active.values())

    def rate(self, direction: str) -> float:
        """Returns bytes a second of the last seconds, of all transfers one way."""
        return self._ways[direction].meter.rate

    def moved(self, direction: str) -> Moved:
        """Returns how much arrived one way, whole files only."""
        return self._ways[direction].moved

    def under_way(self, direction: str) -> int:
        """Returns the bytes that went by of files that are not there yet."""
        return sum(one.done for one in self._active.values() if one.direction == direction)

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener`, which only takes notes, at changes; returns a function that ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @contextmanager
    def of(
        self, blob: BlobName, direction: str, server: str, total: int | None
    ) -> Iterator[Transfer]:
        """Has a file be on its way within the context; one that is left normally has arrived."""
        transfer = self.begin(blob, direction, server, total)
        has_arrived = False
        try:
            yield transfer
            has_arrived = True
        finally:
            self.end(transfer, has_arrived=has_arrived)

    def begin(self, blob: BlobName, direction: str, server: str, total: int | None) -> Transfer:
        """Has a file be on its way until `end` is told of it."""
        way = self._ways[direction]

        def progress(count: int) -> None:
            way.meter.add(count)
            self._tell()

        self._last_number = number = self._last_number + 1
        started_ms = int(self._clock.time() * 1000)
        transfer = Transfer(
            number, blob, direction, server, total, started_ms, Meter(self._clock), progress
        )
        self._active[number] = transfer
        self._tell(is_edge=len(self._active) == 1)
        return transfer

    def end(self, transfer: Transfer, *, has_arrived: bool) -> None:
        """Takes a file off the list; one that arrived counts."""
        del self._active[transfer.number]
        if has_arrived:
            moved = self._ways[transfer.direction].moved
            moved.files += 1
            moved.bytes += transfer.done
        self._tell(is_edge=not self._active)

    def _tell(self, *, is_edge: bool = False) -> None:
        now = self._clock.monotonic()
        if is_edge or now - self._told_at >= SAMPLE_S:
            self._told_at = now
            self.revision += 1
            for listener in tuple(self._listeners):
                listener()


def seconds_for(count: int, rate: float) -> float | None:
    """Returns how long bytes take at a rate; None when nothing moves."""
    if count <= 0:
        return 0.0
    return count / rate if rate > 0 else None
