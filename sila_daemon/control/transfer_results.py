"""The answers about files on their way."""

from __future__ import annotations

from sila_daemon.control.results import Result


class TransferEntry(Result):
    """One file on its way between this machine and a server; sizes in bytes."""

    space: str
    kind: str
    """`static` or `var`."""
    file: str
    """Its hash or id, as `file.list` tells it."""
    direction: str
    """`up` or `down`, as seen from this machine."""
    server: str
    done: int
    total: int | None
    bytes_per_second: int
    seconds_left: float | None
    """None when nothing moves, or the total is not known."""
    started_at: int


class TransferTotals(Result):
    """What is still to travel between a space and its servers, one way, and how that goes."""

    space: str
    direction: str
    files: int
    bytes: int
    bytes_per_second: int
    seconds_left: float | None
    moved_files: int
    """Those that arrived since the daemon opened the space."""
    moved_bytes: int


class Transfers(Result):
    """Everything that is on its way."""

    revision: int
    """Names this state, for the next question."""
    transfers: list[TransferEntry]
    totals: list[TransferTotals]
