"""Compares the files that are on the disk with the store's list of them.

Events name files to look at. Without one, immutable files are looked at where the names in a
directory changed, or something there is not known to be right; and all of them now and then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sila_daemon.folder.blobs import STATIC_PLACE
from sila_daemon.folder.static_directories import ALL, StaticDirectories
from sila_daemon.mirror.var_looks import VarLook, VarLooks
from sila_daemon.mirror.wakes import News

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from sila_daemon.folder.blobs import BlobFolder
    from sila_daemon.folder.problems import Problem
    from sila_daemon.folder.static_directories import Due, Listed
    from sila_daemon.mirror.record import MirrorPorts
    from sila_daemon.mirror.static_checks import StaticChecks
    from sila_daemon.mirror.wakes import Wakes
    from sila_daemon.ports.disk import FileStat
    from sila_daemon.store.blobs import BlobName, Blobs, LocalBlob
    from sila_daemon.store.static_looks import StaticLooks


class BlobLook(NamedTuple):
    """What was found of the files of one space without looking closer."""

    is_full: bool
    """Whether every file is to be compared."""
    due: Due
    var: VarLook


DIRECTORIES_AT_ONCE = 64
"""So many are compared together: what they hold is in memory meanwhile."""


class BlobScan:
    """Keeps the store's list true to the disk."""

    def __init__(
        self,
        files_dir: Path,
        folder: BlobFolder,
        ports: MirrorPorts,
        blobs: Blobs,
        looks: StaticLooks,
        checks: StaticChecks,
        wakes: Wakes,
    ) -> None:
        self._files_dir = files_dir
        self._above_static = (files_dir / STATIC_PLACE).as_posix() + "/"
        self._folder = folder
        self._ports = ports
        self._blobs = blobs
        self._looks = looks
        self._checks = checks
        self._wakes = wakes
        self._directories = StaticDirectories(files_dir, folder, ports.disk, ports.clock)
        self._hinted: set[str] = set()
        """Directories of immutable files that events named."""
        self._is_hinted = False
        """Whether they named others."""
        self.var = VarLooks(files_dir, folder, ports)
        self._var_listed: dict[str, tuple[FileStat, LocalBlob]] | None = None
        """What the store says of mutable files, if it says all that was seen."""
        self._has_ended = False
        self._is_hiding = False
        """Whether something was in the way of names, so that a file may be there or not."""
        self.problems: list[Problem] = []
        """What was in the way at the last scan."""

    def heard(self, paths: Iterable[Path]) -> frozenset[Path]:
        """Takes note of events of files; returns the others."""
        others = []
        for path in paths:
            text = path.as_posix()
            if text.startswith(self._above_static):
                self._hinted.add(text[len(self._above_static) :].partition("/")[0])
            elif not path.is_relative_to(self._files_dir):
                others.append(path)
            elif not path.name.startswith("."):  # Else it is what is being written.
                self._is_hinted = True
        return frozenset(others)

    @property
    def next_due(self) -> float | None:
        """When files are looked at again without an event; None for never."""
        return self.var.next_due

    @property
    def is_due(self) -> bool:
        """Whether events named files that nobody has looked at, or one is to be tried again."""
        is_again = self.next_due is not None and self.next_due <= self._ports.clock.monotonic()
        return self._is_hinted or bool(self._hinted) or is_again

    async def run(self, *, is_full: bool) -> None:
        """Looks at what may have changed, or at everything. The caller knows the root is there."""
        await self.compare(await self._ports.workers.run(self.look(is_full=is_full)))

    def look(self, *, is_full: bool) -> Callable[[], BlobLook]:
        """Returns what looks around, for a worker; `compare` is to be given what that returns.

        What was in the way may hide something: then everything is looked at the next time.
        """
        is_full = is_full or not self._has_ended or self._is_hiding
        self._has_ended = False
        hinted, self._hinted, self._is_hinted = self._hinted, set(), False
        wanted = None if is_full else hinted | self._checks.doubted_directories()
        return lambda: BlobLook(is_full, self._directories.due(wanted), self.var.all())

    async def compare(self, look: BlobLook) -> None:
        """Makes the store say what a look found, and looks closer where that may be another."""
        is_full, due, var = look
        problems = due.problems + [found for found in var.problems if found not in due.problems]
        is_news = False
        for start in range(0, len(due.names), DIRECTORIES_AT_ONCE):
            names = due.names[start : start + DIRECTORIES_AT_ONCE]
            is_news |= await self._compare_static(due, names, problems)
        self._is_hiding = bool(problems)
        is_var_news, unread = await self._compare_var(var, is_full=is_full)
        self._directories.ended(due)
        self.problems, self._has_ended = [*problems, *unread.values()], True
        if is_news or is_var_news:
            self._wakes.ring(News.BLOBS)

    async def _compare_static(self, due: Due, names: list[str], problems: list[Problem]) -> bool:
        """Compares some directories; tells whether the store said something else."""
        usual = [name for name in names if name in ALL]  # No file here has its name from others.
        known = await self._blobs.static_here(usual)
        expected = {blob.name[:2] for blob in known}
        listed: Listed = await self._ports.workers.run(
            lambda: self._directories.list_some(due, names, expected)
        )
        problems += listed.problems
        looks = await self._looks.below(usual)
        right = self._checks.sort_out(usual, listed.files, looks)
        # What is there and not known to be right stays what it was until it was read.
        missing = [blob for blob in known if blob.name not in listed.files]
        is_news = await self._note(known, right, [] if problems else missing)
        # One that was just received is not known yet, nor listed.
        before = {blob.name for blob in missing}
        gone = [
            name
            for name, look in looks.items()
            if name not in listed.files and (name in before or not look.is_right)
        ]
        if gone and not problems:
            await self._looks.forget(gone)
        self._directories.listed(due, names)
        return is_news

    async def _compare_var(
        self, look: VarLook, *, is_full: bool
    ) -> tuple[bool, dict[str, Problem]]:
        """Compares them; tells whether the store said something else, and what is unread."""
        if look.found == self._var_listed and not is_full:
            return False, look.unread
        known = await self._blobs.var_here()
        # Once more: what is received between the two looks is then not known yet, but listed.
        again = await self._ports.workers.run(self.var.all)
        found = {local.blob: local for _, local in again.found.values()}
        is_hiding = self._is_hiding or bool(again.problems)
        unseen = [blob for blob in known if blob not in found and blob.name not in again.unread]
        is_news = await self._note(known, found, [] if is_hiding else unseen)
        self._var_listed = None if is_hiding or again.unread else again.found
        return is_news, again.unread

    async def _note(
        self,
        known: Mapping[BlobName, LocalBlob],
        found: Mapping[BlobName, LocalBlob],
        gone: list[BlobName],
    ) -> bool:
        fresh = [local for name, local in found.items() if known.get(name) != local]
        if gone:
            await self._blobs.gone(gone)
        if fresh:
            await self._blobs.arrived(fresh)
        return bool(fresh or gone)
