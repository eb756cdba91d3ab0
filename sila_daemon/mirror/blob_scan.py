"""Compares the files that are on the disk with the store's list of them.

Events name files to look at. Without one, immutable files are looked at where the names in a
directory changed, or something there is not known to be right; and all of them now and then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sila_daemon.core.errors import NotFoundError, StorageError
from sila_daemon.folder.blobs import STATIC_PLACE
from sila_daemon.folder.layout import var_path
from sila_daemon.folder.problems import UNREADABLE, Problem, storage_errors
from sila_daemon.folder.static_directories import ALL, TICK_S, StaticDirectories
from sila_daemon.mirror.back_off import BackOff
from sila_daemon.mirror.wakes import News
from sila_daemon.store.blobs import VAR, BlobName, LocalBlob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from sila_daemon.folder.blobs import BlobFolder
    from sila_daemon.folder.static_directories import Due, Listed
    from sila_daemon.mirror.record import MirrorPorts
    from sila_daemon.mirror.static_checks import StaticChecks
    from sila_daemon.mirror.wakes import Wakes
    from sila_daemon.ports.disk import FileStat
    from sila_daemon.store.blobs import Blobs
    from sila_daemon.store.static_looks import StaticLooks

_VarFiles = dict[str, "tuple[FileStat, LocalBlob]"]
"""Mutable files by their UUIDs."""


class VarLook(NamedTuple):
    """What was found of the mutable files."""

    found: _VarFiles
    problems: list[Problem]
    """What was in the way of their names."""
    unread: list[Problem]
    """Files that are there and cannot be read, or not be made durable."""


class BlobLook(NamedTuple):
    """What was found of the files of one space without looking closer."""

    is_full: bool
    """Whether every file is to be compared."""
    due: Due
    var: VarLook


RETRY_S_MAX = 60.0
"""So long at most until a mutable file that could not be read is looked at again."""

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
        self._var_known: _VarFiles = {}
        self._var_unsure: set[str] = set()
        """Read so soon after they were written that what was written since has the same time."""
        self._var_listed: _VarFiles | None = None
        """What the store was last made to say of mutable files."""
        self._has_ended = False
        self._is_hiding = False
        """Whether something was in the way of names, so that a file may be there or not."""
        self._back_off = BackOff(ports.randomness, RETRY_S_MAX)
        self.next_due: float | None = None
        """When mutable files are looked at again without an event."""
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
        self._has_ended, self.next_due = False, None
        hinted, self._hinted, self._is_hinted = self._hinted, set(), False
        wanted = None if is_full else hinted | self._checks.doubted_directories()
        return lambda: BlobLook(is_full, self._directories.due(wanted), self._var())

    async def compare(self, look: BlobLook) -> None:
        """Makes the store say what a look found, and looks closer where that may be another."""
        is_full, due, var = look
        problems = due.problems + [found for found in var.problems if found not in due.problems]
        is_news = False
        for start in range(0, len(due.names), DIRECTORIES_AT_ONCE):
            names = due.names[start : start + DIRECTORIES_AT_ONCE]
            is_news |= await self._compare_static(due, names, problems)
        is_hiding = bool(problems)
        problems += var.unread
        is_news |= await self._compare_var(var.found, is_full=is_full, may_hide=bool(problems))
        self._directories.ended(due)
        self.problems, self._is_hiding, self._has_ended = problems, is_hiding, True
        if var.unread:
            self.next_due = self._ports.clock.monotonic() + self._back_off.next_s()
        else:
            self._back_off.reset()
        if is_news:
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

    async def _compare_var(self, listed: _VarFiles, *, is_full: bool, may_hide: bool) -> bool:
        if listed == self._var_listed and not is_full:
            return False
        known = await self._blobs.var_here()
        # Once more: what is received between the two looks is then not known yet, but listed.
        again = await self._ports.workers.run(self._var)
        found = {local.blob: local for _, local in again.found.values()}
        is_hiding = may_hide or bool(again.problems or again.unread)
        gone = [] if is_hiding else [blob for blob in known if blob not in found]
        is_news = await self._note(known, found, gone)
        self._var_listed = again.found
        return is_news

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

    def _var(self) -> VarLook:
        look = VarLook({}, [], [])
        for uuid in self._folder.list_var(look.problems):
            try:
                seen = self._look_at_var(uuid)
            except NotFoundError:
                continue  # It went meanwhile.
            except StorageError as error:
                look.unread.append(self._unread(uuid, error))
                continue
            if seen is not None:
                look.found[uuid] = seen
        return look

    def _unread(self, uuid: str, error: StorageError) -> Problem:
        shown = var_path(self._files_dir, uuid).relative_to(self._files_dir.parent.parent)
        return Problem(shown.as_posix(), None, UNREADABLE, error.message)

    def var(self, uuid: str) -> LocalBlob | None:
        """Returns the facts of a mutable file, hashed again only when it changed; blocking.

        It is durable as it was read. Raises NotFoundError, StorageError.
        """
        seen = self._look_at_var(uuid)
        return None if seen is None else seen[1]

    def _look_at_var(self, uuid: str) -> tuple[FileStat, LocalBlob] | None:
        now = self._ports.clock.time()
        with storage_errors("look at a mutable file"):
            stat = self._ports.disk.stat(var_path(self._files_dir, uuid))
        if stat is None:
            return None
        known = self._var_known.get(uuid)
        if known is not None and (known[0] == stat or stat.is_taken_away(known[0])):
            if uuid not in self._var_unsure or stat.is_dataless:
                return known
        blob = self._folder.stat_var(uuid)
        if known is None or known[0] != stat or known[1].sha256 != blob.sha256:
            self._folder.make_var_durable(blob)
        # One whose time is that of another machine's clock is not read for ever.
        if abs(now - max(stat.modified_ns, stat.changed_ns) / 1e9) <= TICK_S:
            self._var_unsure.add(uuid)
        else:
            self._var_unsure.discard(uuid)
        found = stat, LocalBlob(BlobName(VAR, uuid), blob.size, blob.sha256)
        self._var_known[uuid] = found
        return found
