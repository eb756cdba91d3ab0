"""Lets the N-th call of a case fail, for N from 1 until a run ends without reaching it.

Every call of the disk counts, also those that only look. Either that one call fails or all from
there on; a write that fails was done by half. Afterwards nothing may be acknowledged that is not
durable and nothing of before may be missing; and once the fault has passed the operation succeeds,
in the same process as in a new one.
"""

from __future__ import annotations

import errno
import itertools
import os
import sys
from dataclasses import dataclass
from time import process_time
from typing import TYPE_CHECKING, NamedTuple

from sila_daemon.core.errors import SilaError, StorageFullError
from tests.crash_states.explore import (
    Looks,
    completed,
    prepared,
    run_in_virtual_time,
    view_of,
)
from tests.crash_states.machine import Failures, Machine
from tests.crash_states.power_cuts import worst
from tests.simulation.record import ViolationError
from tests.simulation.vfs import close_all

if TYPE_CHECKING:
    from tests.crash_states.case import Case, Program

FULL = (errno.ENOSPC, errno.EDQUOT)


class Kind(NamedTuple):
    """How a call fails."""

    error: int
    is_lasting: bool = False
    """All calls from there on fail."""
    forgets: bool = False
    """Only syncs fail, and a file forgets what waited: the next one succeeds, for nothing."""

    def __str__(self) -> str:
        lasting = " from there on" if self.is_lasting else ""
        return errno.errorcode[self.error] + lasting + (", forgotten" if self.forgets else "")


FORGOTTEN = Kind(errno.EIO, forgets=True)
KINDS = (
    *map(Kind, (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE, errno.EDQUOT)),
    Kind(errno.ENOSPC, True),
    Kind(errno.EIO, True),
    FORGOTTEN,
)


@dataclass(slots=True)
class Failed:
    """What came of the failing calls of a case."""

    name: str
    runs: int = 0
    swallowed: int = 0
    """Failures that the code got over by itself."""
    cpu_s: float = 0.0


def fail_every_call(case: Case, kind: Kind) -> Failed:
    """Fails each call in turn. Raises ViolationError."""
    began = process_time()
    failed = Failed(case.name)
    run_in_virtual_time(_fail_each(case, kind, failed))
    failed.cpu_s = process_time() - began
    return failed


async def _fail_each(case: Case, kind: Kind, failed: Failed) -> None:
    before, looks = await prepared(case), Looks(case)
    for number in itertools.count(1):
        machine = Machine(before.copy(), 1)
        last = sys.maxsize if kind.is_lasting else number
        machine.failures = Failures(kind.error, number, last, kind.forgets)
        attempt = _Attempt(case, machine, looks)
        await attempt.run()
        if not machine.failures.failed:
            return
        failed.runs += 1
        failed.swallowed += attempt.is_swallowed
        where = f"{kind} at call {number}, {machine.failures.failed}"
        try:
            await attempt.check()
        except Exception as violation:
            told = f" (told: {attempt.told!r})"
            raise ViolationError(f"{where}{told}: {violation!r}") from violation
        close_all()


class _Attempt:
    """One run with its failure."""

    def __init__(self, case: Case, machine: Machine, looks: Looks) -> None:
        self._case = case
        self._looks = looks
        self._machine = machine
        self._error = machine.failures.error
        self._program: Program | None = None
        self.told: SilaError | None = None
        self.is_swallowed = False
        """The operation ended well all the same."""

    async def run(self) -> None:
        """Runs into the failure."""
        try:
            self._program = await self._case.start(self._machine)
            await self._program.act()
            self.is_swallowed = bool(self._machine.failures.failed)
            if not self.is_swallowed:
                program, self._program = self._program, None
                await program.close()
        except SilaError as error:
            self.told = error

    async def check(self) -> None:
        """Looks at what is left, and has the operation done again. Raises ViolationError."""
        machine, failures = self._machine, self._machine.failures
        is_single = failures.last == failures.first
        machine.failures = Failures()
        self._check_told()
        for root in (machine.disk.root, worst(machine.disk.root)):
            await self._looks.verify(root, machine.acknowledged)
        restarted = Machine(machine.disk.root.copy(), 2, machine.acknowledged)
        await completed(self._case, restarted)
        is_blind = failures.forgets and self._case.trusts_what_is_seen
        await self._check_end(restarted, may_have_leftovers=False, is_blind=is_blind)
        program = self._program or await self._case.start(machine)
        await program.act()
        await program.close()
        may_have_leftovers = not is_single or failures.failed.startswith(("unlink", "discard"))
        await self._check_end(machine, may_have_leftovers=may_have_leftovers)

    def _check_told(self) -> None:
        error = self.told
        if error is None:
            missing = self._case.everything - self._machine.acknowledged
            if missing:
                raise ViolationError(f"no error, and not done: {sorted(missing)}")
            return
        if not isinstance(error, self._case.errors):
            raise ViolationError(f"an error that does not tell of storage: {error!r}")
        if self._error in FULL and not isinstance(error, StorageFullError):
            raise ViolationError(f"a full disk is not told as such: {error!r}")
        reasons = (os.strerror(self._error), "no space left", "cannot be used", "cannot open")
        if not any(reason in error.message for reason in reasons):
            raise ViolationError(f"no reason is told: {error.message}")

    async def _check_end(
        self, machine: Machine, *, may_have_leftovers: bool, is_blind: bool = False
    ) -> None:
        root = machine.disk.root
        await self._looks.verify(root if is_blind else worst(root), machine.acknowledged)
        left = self._case.leftovers(view_of(root))
        if left and not may_have_leftovers:
            raise ViolationError(f"left behind: {left}")
