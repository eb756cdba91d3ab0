"""The server's ports in one place, and the real world behind them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sila_daemon.database.database import Databases, ThreadDatabases
from sila_daemon.ports.clock import Clock, SystemClock
from sila_daemon.ports.disk import Disk, SystemDisk
from sila_daemon.ports.randomness import Randomness, SystemRandomness
from sila_daemon.ports.workers import ThreadWorkers, Workers


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything through which the server reaches the outside world."""

    clock: Clock
    randomness: Randomness
    disk: Disk
    databases: Databases
    workers: Workers


@contextmanager
def system_ports() -> Iterator[Ports]:
    """Yields the real world, and lets go of its threads afterwards."""
    databases = ThreadDatabases()
    workers = ThreadWorkers(4, "work")
    try:
        yield Ports(SystemClock(), SystemRandomness(), SystemDisk(), databases, workers)
    finally:
        workers.close()
        databases.close()
