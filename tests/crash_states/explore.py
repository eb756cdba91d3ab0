"""Runs a case once, and then from every disk that a crash may leave of it.

A crash is a power cut, which loses some of what was not synced, or a kill, which loses nothing but
makes nothing durable either. After each the disk is looked at as it is; then the program is
started again, does what is left to do, and ends; and the disk is looked at as a power cut would
leave it then. Some of the recoveries are cut off too, and recovered from once more.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from random import Random
from time import process_time
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.crash_states.machine import Machine, ignore
from tests.crash_states.power_cuts import Count, Key, images, key_of, worst
from tests.simulation.disk import DiskView, MachineDisk
from tests.simulation.inodes import Directory
from tests.simulation.loop import SimLoop
from tests.simulation.record import ViolationError
from tests.simulation.vfs import close_all

if TYPE_CHECKING:
    from tests.crash_states.case import Case

RECOVERY_CALLS = 10
"""Of all calls of all recoveries of a case, about so many are cut off, drawn by chance."""

RECOVERY_IMAGES = 40
"""So many disks are looked at of each recovery that is cut off, the worst first."""

END = "end"
RICH = ("sync", "sync_dir", END)
"""Calls before which power cuts are looked at.

Other calls only add to what waits, and a power cut may lose what they added: all that it may leave
before them it may leave before the next of these as well.
"""


class Moment(NamedTuple):
    """A disk just before a call that changes it, or at the end."""

    root: Directory
    acknowledged: frozenset[str]
    """What was by then."""
    is_rich: bool
    """Whether power cuts are looked at: what waits to become durable is about to become less."""


@dataclass(slots=True)
class Explored:
    """What came of a case."""

    name: str
    calls: int = 0
    """That changed the disk while the operation ran."""
    power_cuts: int = 0
    kills: int = 0
    during_recovery: int = 0
    count: Count = field(default_factory=Count)
    cpu_s: float = 0.0

    @property
    def states(self) -> int:
        """How many disks were recovered from."""
        return self.power_cuts + self.kills + self.during_recovery


def run_in_virtual_time(work: Coroutine[Any, Any, Any]) -> Any:
    """Runs a coroutine in a loop of its own."""
    loop = SimLoop(Random(0), first_in_first_out=True)
    try:
        found = loop.run_until_complete(work)
        if loop.failures:
            raise ViolationError(f"nobody waited for a failure: {loop.failures[0]}")
        return found
    finally:
        loop.close()
        close_all()


def explore(case: Case) -> Explored:
    """Looks at every crash state of a case. Raises ViolationError."""
    began = process_time()
    explored = Explored(case.name, count=Count(case.is_coarse))
    run_in_virtual_time(_Exploration(case, explored).run())
    explored.cpu_s = process_time() - began
    return explored


async def prepared(case: Case) -> Directory:
    """Returns the disk before the operation, all of it durable."""
    machine = Machine(Directory(1))
    await case.prepare(machine)
    close_all()
    return settled(machine.disk.root)


def settled(root: Directory) -> Directory:
    """Makes everything on a disk durable; returns it."""
    root.sync()
    for entry in root.names.values():
        if isinstance(entry, Directory):
            settled(entry)
        else:
            entry.sync()
    return root


class _Exploration:
    def __init__(self, case: Case, explored: Explored) -> None:
        self._case = case
        self._explored = explored
        self._seen: set[tuple[Key, frozenset[str]]] = set()
        self._looks = Looks(case)
        self._random = Random(0)
        self._share = 0.0
        """So much of the calls of the recoveries is cut off too."""

    async def run(self) -> None:
        machine = Machine(await prepared(self._case), 1)
        moments = await self._recorded(machine, lambda _: True)
        calls = self._explored.calls = len(moments) - 1
        cuts = [
            (at, image, moment.acknowledged)
            for at, moment in enumerate(moments)
            if moment.is_rich
            for image in self._unseen(moment.root, moment.acknowledged)
        ]
        self._explored.power_cuts, self._explored.kills = len(cuts), len(moments)
        rich = sum(moment.is_rich for moment in moments)
        of_recovery = RECOVERY_CALLS // 2 if self._case.is_coarse else RECOVERY_CALLS
        self._share = of_recovery / ((len(cuts) + len(moments)) * rich)
        for at, image, acknowledged in cuts:
            await self._recover(image, acknowledged, f"power cut before call {at} of {calls}")
        for at, moment in enumerate(moments):
            where = f"kill before call {at} of {calls}"
            await self._recover(moment.root, moment.acknowledged, where)

    def _unseen(self, root: Directory, acknowledged: frozenset[str]) -> Iterator[Directory]:
        for key, image in images(root, self._explored.count):
            if (key, acknowledged) not in self._seen:
                self._seen.add((key, acknowledged))
                yield image

    async def _recorded(self, machine: Machine, is_wanted: Callable[[bool], bool]) -> list[Moment]:
        """Runs the operation to its end; returns moments at which it may be cut off."""
        moments: list[Moment] = []

        def note(what: str) -> None:
            is_rich = what in RICH
            if is_wanted(is_rich):
                moments.append(Moment(machine.disk.root.copy(), machine.acknowledged, is_rich))

        machine.before_change = note
        await completed(self._case, machine)
        note(END)
        machine.before_change = ignore
        return moments

    def _is_chosen(self, is_rich: bool) -> bool:
        """Chooses the moments of recoveries that are looked at."""
        return is_rich and self._random.random() < self._share

    async def _recover(self, image: Directory, acknowledged: frozenset[str], where: str) -> None:
        with _told(where, image):
            await self._looks.verify(image, acknowledged)
            machine = Machine(image.copy(), 2, acknowledged)
            moments = await self._recorded(machine, self._is_chosen)
            for key, left in images(machine.disk.root, self._explored.count):
                await self._looks.verify(left, machine.acknowledged, key)
        for root, later, _ in moments:
            for left in itertools.islice(self._unseen(root, later), RECOVERY_IMAGES):
                self._explored.during_recovery += 1
                with _told(f"{where}; power cut during the recovery", left):
                    await self._looks.verify(left, later)
                    again = Machine(left.copy(), 3, later)
                    await completed(self._case, again)
                    end = worst(again.disk.root)
                    await self._looks.verify(end, again.acknowledged)
        close_all()


class Looks:
    """Looks at disks of one case; at those that are the same once."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._seen: set[tuple[Key, frozenset[str]]] = set()

    async def verify(
        self, image: Directory, acknowledged: frozenset[str], key: Key | None = None
    ) -> None:
        """Looks at a disk as it is found, whose key may be known. Raises ViolationError."""
        seen = key_of(image) if key is None else key, acknowledged
        if seen not in self._seen:
            await self._case.verify(view_of(image), acknowledged)
            self._seen.add(seen)


async def completed(case: Case, machine: Machine) -> None:
    """Starts a program that does what is left to do, and ends."""
    program = await case.start(machine)
    await program.act()
    await program.close()
    require_everything(case, machine)


def require_everything(case: Case, machine: Machine) -> None:
    """Raises ViolationError when a program ended well and does not say so."""
    missing = case.everything - machine.acknowledged
    if missing:
        raise ViolationError(f"never acknowledged: {sorted(missing)}")


def view_of(root: Directory) -> DiskView:
    """Returns a disk as it is found."""
    return DiskView(MachineDisk("found", lambda: 0.0), root, None)


class _told:
    """Says in which state something was wrong."""

    def __init__(self, where: str, image: Directory) -> None:
        self._where = where
        self._image = image

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if isinstance(error, Exception):
            listing = "\n  ".join(listed(self._image))
            raise ViolationError(f"{self._where}: {error!r}\n  {listing}") from error


def listed(root: Directory, above: str = "") -> list[str]:
    """Returns the files of a disk, for a report."""
    lines = []
    for name, entry in sorted(root.names.items()):
        if isinstance(entry, Directory):
            lines += listed(entry, f"{above}/{name}") or [f"{above}/{name}/"]
        else:
            data = bytes(entry.data)
            shown = repr(data) if len(data) < 200 else f"{len(data)} bytes"
            lines.append(f"{above}/{name} {shown}")
    return lines
