"""Operations after which one thing reads otherwise than before: wholly, and never in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.crash_states.case import Case, Program, require

if TYPE_CHECKING:
    from tests.crash_states.machine import Machine
    from tests.simulation.disk import DiskView

Work = Callable[["Machine"], Awaitable[None]]
DONE = "done"


async def nothing(machine: Machine) -> None:
    """Is there before: nothing."""


class ReplaceCase(Case):
    """`act` changes what `read` finds from `old` to `new`."""

    everything = frozenset({DONE})
    between: tuple[object, ...] = ()

    def __init__(
        self,
        name: str,
        *,
        act: Work,
        read: Callable[[DiskView], object],
        old: object,
        new: object,
        prepare: Work = nothing,
        tidy: Work = nothing,
    ) -> None:
        """`tidy` is what a process does as it starts; `read` raises where half a thing is."""
        self.name = name
        self._act = act
        self._read = read
        self._old = old
        self._new = new
        self._prepare = prepare
        self._tidy = tidy

    async def prepare(self, machine: Machine) -> None:
        """Makes what is there before."""
        await self._prepare(machine)

    async def start(self, machine: Machine) -> Program:
        """Starts a process."""
        await self._tidy(machine)
        return ReplacingProgram(machine, self._act)

    async def verify(self, view: DiskView, acknowledged: frozenset[str]) -> None:
        """What was acknowledged is there; what was not is there or not, but never half."""
        found = self._read(view)
        is_done = DONE in acknowledged
        allowed = (self._new,) if is_done else (self._old, *self.between, self._new)
        require(found in allowed, f"found {found!r}, and not one of {allowed!r}")


class ReplacingProgram:
    """A process that does it."""

    def __init__(self, machine: Machine, act: Work) -> None:
        self._machine = machine
        self._act = act

    async def act(self) -> None:
        """Does it, whether or not it is done already."""
        await self._act(self._machine)
        self._machine.acknowledge(DONE)

    async def close(self) -> None:
        """Holds nothing."""


class OpenedCase(ReplaceCase):
    """The same by a process that holds a database open."""

    is_coarse = True
    gets_over = 2  # As it is opened, its log is emptied as far as a full disk lets it.

    def __init__(
        self,
        name: str,
        *,
        open: Callable[[Machine], Awaitable[Any]],
        act: Callable[[Machine, Any], Awaitable[None]],
        close: Callable[[Any], Awaitable[None]],
        read: Callable[[DiskView], object],
        old: object,
        new: object,
        between: tuple[object, ...] = (),
        prepare: Work = nothing,
    ) -> None:
        """`between` is what else may be read while nothing is acknowledged."""
        super().__init__(name, act=nothing, read=read, old=old, new=new, prepare=prepare)
        self.between = between
        self._open = open
        self._act_on = act
        self._close = close

    async def start(self, machine: Machine) -> Program:
        """Opens what the process holds open."""
        return OpenedProgram(machine, await self._open(machine), self._act_on, self._close)


class OpenedProgram:
    """A process that holds something open."""

    def __init__(
        self,
        machine: Machine,
        opened: Any,
        act: Callable[[Machine, Any], Awaitable[None]],
        close: Callable[[Any], Awaitable[None]],
    ) -> None:
        self._machine = machine
        self._opened = opened
        self._act = act
        self._close = close

    async def act(self) -> None:
        """Does it, whether or not it is done already."""
        await self._act(self._machine, self._opened)
        self._machine.acknowledge(DONE)

    async def close(self) -> None:
        """Ends in order."""
        await self._close(self._opened)


def content(view: DiskView, path: Path) -> bytes | None:
    """Returns the bytes of a file; None when there is none."""
    if view.stat(path) is None:
        return None
    return view.open_read(path).read_at(0, 1 << 30)
