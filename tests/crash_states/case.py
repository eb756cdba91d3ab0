"""What a case is: a durable operation by its real code, and an independent look at its disk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sila_daemon.core.errors import SilaError, StorageError
from sila_daemon.ports.disk import EntryKind
from tests.simulation.record import ViolationError

if TYPE_CHECKING:
    from tests.crash_states.machine import Machine
    from tests.simulation.disk import DiskView

__all__ = ["Case", "Program", "ViolationError", "require"]


class Program(Protocol):
    """A running process that does the operation."""

    async def act(self) -> None:
        """Does what is not done yet, and acknowledges to the machine each part that is durable.

        Raises SilaError; it may then be called again.
        """
        ...

    async def close(self) -> None:
        """Ends as the process does when it is asked to."""
        ...


class Case(ABC):
    """One durable operation."""

    name: str
    everything: frozenset[str]
    """What is acknowledged once the operation is done."""
    errors: tuple[type[SilaError], ...] = (StorageError,)
    """How a failing disk is told."""
    is_coarse: bool = False
    """Writes are torn in a few places only: checksums cover them, so one place is as another."""
    gets_over: int = 1
    """So many calls may fail without anybody being told, as nothing depends on them."""
    trusts_what_is_seen: bool = False
    """A new process cannot know of a sync that failed before it began, and of what was forgotten
    then: it is noticed after the power cut, and mended from elsewhere."""

    async def prepare(self, machine: Machine) -> None:  # noqa: B027 - nothing is a fine beginning.
        """Makes what is there before; all of it will be durable."""

    @abstractmethod
    async def start(self, machine: Machine) -> Program:
        """Starts the process on whatever is there, as after a crash. Raises SilaError."""

    @abstractmethod
    async def verify(self, view: DiskView, acknowledged: frozenset[str]) -> None:
        """Looks at a disk with readers of its own. Raises ViolationError."""

    def leftovers(self, view: DiskView) -> list[str]:
        """Returns what nobody will use: temporary files, which all are hidden ones."""
        return [str(path) for path in _hidden(view, Path("/"))]


def _hidden(view: DiskView, directory: Path) -> Iterator[Path]:
    for entry in view.list_dir(directory):
        path = directory / entry.name
        if entry.name.startswith("."):
            yield path
        elif entry.kind is EntryKind.DIRECTORY:
            yield from _hidden(view, path)


def require(is_true: bool, what: str) -> None:
    """Raises ViolationError unless it is true."""
    if not is_true:
        raise ViolationError(what)
