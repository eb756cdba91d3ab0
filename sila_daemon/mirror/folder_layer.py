"""The folder of a space: reads what others write there, writes what the store holds.

A missing folder, marker or space.json, or those of another space, stop everything here until
they are back: absence is never deletion, and nothing is written where the space is not.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.core.errors import FormatError, NotFoundError, SilaError, StorageError
from sila_daemon.folder.layout import OpFile, SpaceLayout, parse_op_file
from sila_daemon.folder.problems import Problem, storage_errors
from sila_daemon.mirror import op_file_scan
from sila_daemon.mirror.back_off import BackOff
from sila_daemon.mirror.folder_hints import FolderHints
from sila_daemon.mirror.folder_survey import Surveyor
from sila_daemon.mirror.line_problems import LineProblems
from sila_daemon.mirror.long_turn import LongTurn
from sila_daemon.mirror.lost_lines import LostLines
from sila_daemon.mirror.owed_ops import OwedOps
from sila_daemon.mirror.patience import Patience
from sila_daemon.mirror.read_ahead import ReadAhead
from sila_daemon.mirror.space_place import opened_space
from sila_daemon.mirror.wakes import News
from sila_daemon.store.positions import Position, Positions
from sila_daemon.store.schema import FOLDER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sila_daemon.folder.carriers import Carrier
    from sila_daemon.folder.space_folder import SpaceFolder
    from sila_daemon.mirror.folder_secrets import FolderSecrets
    from sila_daemon.mirror.folder_writer import FolderWriter
    from sila_daemon.mirror.intake import Intake
    from sila_daemon.mirror.local_blobs import LocalBlobs
    from sila_daemon.mirror.record import MirrorPorts, MirrorSettings
    from sila_daemon.mirror.wakes import Wakes
    from sila_daemon.store.space_store import SpaceStore


class FolderState(Enum):
    """How the folder is doing."""

    STARTING = "starting"
    """Not everything in it was looked at yet."""
    WORKING = "working"
    AWAY = "away"
    """It is not there, or is not this space's."""
    FAILING = "failing"
    """The disk refuses."""


class FolderLayer:
    """Looks after one space folder. `run` works until cancelled, and writes on its way out."""

    def __init__(
        self,
        space_id: str,
        root: Path,
        ports: MirrorPorts,
        settings: MirrorSettings,
        store: SpaceStore,
        intake: Intake,
        writer: FolderWriter,
        secrets: FolderSecrets,
        blobs: LocalBlobs,
        wakes: Wakes,
    ) -> None:
        self.state = FolderState.STARTING
        self.reason = ""
        self.last_scan_at: float | None = None
        """Unix seconds."""
        self.owed = OwedOps(store)
        self.carrier: Carrier | None = None
        """The tool that carries the folder to other machines, if one does."""
        self.patience = Patience(ports.clock, settings.loss_grace_s)
        """With what such a tool may be about to mend."""
        self.long_turn = LongTurn(ports.clock)
        self._space_id = space_id
        self._root = root
        self._layout = SpaceLayout(root)
        self._ports = ports
        self._settings = settings
        self._store = store
        self._surveyor = Surveyor(space_id, self._layout, ports, blobs.scanner, secrets)
        self._intake = intake
        self._writer = writer
        self._secrets = secrets
        self._blobs = blobs
        self._wakes = wakes
        self._positions: dict[str, Position] | None = None
        self._stored_positions = Positions(store.database)
        self._line_problems = LineProblems(root, ports.disk, ports.workers, self._stored_positions)
        self._lost = LostLines(store, ports.clock, settings.loss_grace_s)
        self._scan_problems: list[Problem] = []
        self._back_off = BackOff(ports.randomness, settings.retry_delay_s_max)
        self._wake = asyncio.Event()
        self._hints = FolderHints()
        self._secrets_due = True
        self._write_due = True
        self._is_following_hints = False
        self._scan_at = 0.0
        self._full_look_at = 0.0
        self._write_at = 0.0
        self._turns = 0
        self._turned = asyncio.Condition()

    async def run(self) -> None:
        """Scans, reads, writes and waits, until cancelled."""
        unsubscribe = self._ports.watcher.subscribe(self._root, self._hinted)
        unlisten = self._wakes.listen(self._rung)
        # After a pause: nobody took notes of what happened meanwhile, here or in the folder.
        self._hints.anything = self._write_due = self._secrets_due = True
        try:
            is_due = True
            while True:
                await self._turn(is_due=is_due)
                is_due = await self._sleep()
        finally:
            unsubscribe()
            unlisten()
            await self._flush()

    async def scan_now(self) -> None:
        """Looks at everything and writes everything. Raises StorageError, NotFoundError."""
        self._hints.anything = True
        self._write_at = 0.0
        self._write_due = True
        # The turn that runs now may have begun before; the one after it has seen everything.
        wanted = self._turns + 2
        self._wake.set()
        async with self._turned:
            while self._turns < wanted:
                self._write_due, self._write_at = True, 0.0
                self._wake.set()
                await self._turned.wait()
            while self._lost and self.state is FolderState.WORKING:
                await self._turned.wait()
        if self.state is not FolderState.WORKING:
            raise StorageError(self.reason, code="folder_" + self.state.value)

    def added(self, count: int) -> None:
        """Notes debts that were just committed, until they are counted."""
        self.owed.add(count)

    @property
    def is_settled(self) -> bool:
        """Whether everything known in the folder is in the store, and the other way round."""
        return (
            self.state is FolderState.WORKING
            and self.owed.ops == 0
            and not self._hints
            and not self._blobs.is_scan_due
            and not self._secrets_due
            and not self._is_following_hints
            and not self._lost
        )

    @property
    def lost_file_count(self) -> int:
        """How many op files lack what was read from them, and get some time to be as they were."""
        return len(self._lost)

    @property
    def problem_count(self) -> int:
        """How much in the folder cannot be read, or is missing from it."""
        return (
            self._line_problems.total
            + len(self._scan_problems)
            + len(self._blobs.problems)
            + (self._secrets.problem is not None)
        )

    def _hinted(self, paths: frozenset[Path]) -> None:
        others = self._blobs.heard(paths)
        if others or not paths:
            self._hints.heard(others)
        self._wake.set()

    def _rung(self, news: News) -> None:
        if news is News.OPS and self.owed.ops:
            self._write_due = True
        elif news is News.SECRETS:
            self._secrets_due = True
        else:
            return
        self._wake.set()

    async def _sleep(self) -> bool:
        """Waits until something is due or somebody rings; tells whether it was due."""
        now = self._ports.clock.monotonic()
        until = self._scan_at
        if self._write_due and self.state is FolderState.WORKING:
            until = min(until, self._write_at)
        retries = (self._lost, self._hints, self.patience, self._blobs.scanner, self._secrets)
        for due in [one.next_due for one in retries]:
            if due is not None and self.state is FolderState.WORKING:
                until = min(until, due)
        try:
            async with asyncio.timeout(max(0.0, until - now)):
                await self._wake.wait()
        except TimeoutError:
            return True
        finally:
            self._wake.clear()
        return False

    async def _turn(self, *, is_due: bool) -> None:
        """Does what there is to do; what nothing came of is told only if its time had come."""
        is_news = True
        try:
            with self.long_turn.measured():
                is_news = await self._work() or is_due
        except NotFoundError as error:
            self._fail(FolderState.AWAY, error)
        except SilaError as error:
            self._fail(FolderState.FAILING, error)
        else:
            self._back_off.reset()
        if not is_news:
            return
        self._intake.let_servers_bring()
        async with self._turned:
            self._turns += 1
            self._turned.notify_all()
        self._wakes.ring(News.STATE)

    def _fail(self, state: FolderState, error: SilaError) -> None:
        self.state, self.reason = state, error.message
        self._hints.anything = True
        self._scan_at = self._ports.clock.monotonic() + self._back_off.next_s()

    async def _work(self) -> bool:
        """Does what is due, and tells whether anything was."""
        now = self._ports.clock.monotonic()
        is_everything = self._hints.anything or self._positions is None
        is_full = is_everything or now >= self._scan_at
        is_full = is_full or now >= (self._lost.next_due or now + 1)
        hints, again = self._hints.take(), self._hints.take_again(now)
        is_writing = self._write_due and now >= self._write_at
        is_file_due = self._blobs.is_scan_due
        is_secrets_retry = now >= (self._secrets.next_due or now + 1)
        are_others = self._secrets_due or is_secrets_retry or is_file_due
        if not (is_full or hints or again or is_writing or are_others):
            return False
        # What is known to have changed is not here before it was read: nothing is settled yet.
        self._is_following_hints = bool(hints) or self._hints.anything or is_file_due
        if is_full:
            self._hints.anything = False
            await self._scan_all(is_everything=is_everything)
        else:
            folder = await self._opened()
            if hints or again:
                await self._look_at(folder, hints, again)
        if self._blobs.is_scan_due:
            await self._blobs.scan(is_full=False)
        if self._secrets_due or is_secrets_retry:
            self._secrets_due, self._is_following_hints = False, True
            await self._secrets.sync()
        if self.state is not FolderState.WORKING:
            # What was owed before, or made owed again, was never told of, and nothing is settled.
            await self.owed.count()
            self._write_due |= self.owed.ops > 0
            self._wakes.ring(News.BLOBS)  # What could not be put there is asked for again.
        self.state, self.reason = FolderState.WORKING, ""
        self._is_following_hints = False
        if is_writing:
            await self._write()
        return True

    async def _opened(self) -> SpaceFolder:
        """Makes sure that this is still the space. Raises NotFoundError, StorageError."""
        layout, disk, space_id = self._layout, self._ports.disk, self._space_id
        return await self._ports.workers.run(lambda: opened_space(layout, disk, space_id))

    async def _scan_all(self, *, is_everything: bool) -> None:
        """Looks for what events missed; with `is_everything`, or now and then, at each file."""
        clock, positions = self._ports.clock, await self._known_positions()
        is_everything = is_everything or clock.monotonic() >= self._full_look_at
        seen = await self._surveyor.look_around(positions, is_everything=is_everything)
        self._scan_problems = seen.problems
        self.carrier = self._blobs.checks.carrier = seen.carrier
        await self._read(seen.folder, seen.looked_at, seen.found)
        if await self._lost.owe_again(positions):
            # Nothing is written before it is known again what is there, on the way out neither.
            self.state, self._write_due = FolderState.STARTING, True
            await self._read(seen.folder, seen.files)
        if self.last_scan_at is None and await self._store.first_sync.is_going_on(FOLDER):
            await self._store.first_sync.is_over(FOLDER)
        if isinstance(seen.blobs, SilaError):
            raise seen.blobs
        await self._blobs.scanner.compare(seen.blobs)
        if is_everything:
            self._full_look_at = clock.monotonic() + self._settings.full_look_s
        self._secrets_due |= is_everything or seen.has_other_secrets
        await self._line_problems.count()
        self.last_scan_at = clock.time()
        jitter = 0.8 + 0.4 * self._ports.randomness.uniform()
        self._scan_at = clock.monotonic() + self._settings.scan_interval_s * jitter

    async def _look_at(
        self, folder: SpaceFolder, hints: Collection[Path], directories: Iterable[Path]
    ) -> None:
        """Looks at what events named, and below directories."""
        files: dict[str, OpFile] = {}
        new_directories: dict[Path, None] = {}
        for path in hints:
            try:
                relative = folder.layout.relative(path)
                files[relative] = parse_op_file(relative)
            except (FormatError, ValueError):
                if path == folder.layout.secrets:
                    self._secrets_due = True
                elif not path.name.startswith("."):
                    new_directories[path] = None
        self._hints.look_again(new_directories, self._ports.clock.monotonic())
        # What was in the way there may be gone now, such as a stand-in for a file that has come.
        troubled = {folder.layout.root / Path(known.path).parent for known in self._scan_problems}
        near = (path.parent for path in hints if path.parent in troubled)
        below = list(dict.fromkeys((*directories, *new_directories, *near)))
        if below:
            scan = await self._ports.workers.run(lambda: folder.scan_below(below))
            if scan is None:
                await self._scan_all(is_everything=True)
                return
            there = tuple(folder.layout.relative(directory) + "/" for directory in below)
            others = [known for known in self._scan_problems if not known.path.startswith(there)]
            self._scan_problems = others + scan.problems
            files |= {file.relative: file for file in scan.files}
        await self._read(folder, list(files.values()))
        if self._line_problems.is_due:
            await self._line_problems.count()

    async def _known_positions(self) -> dict[str, Position]:
        if self._positions is None:
            self._positions = await self._stored_positions.load()
        return self._positions

    async def _read(
        self, folder: SpaceFolder, files: Sequence[OpFile], found: op_file_scan.Look | None = None
    ) -> None:
        """Reads what is new in some files, as a look at them found it, if there was one."""
        positions, run = await self._known_positions(), self._ports.workers.run
        if found is None:
            with storage_errors("look at the op files"):
                found = await run(lambda: op_file_scan.look(folder, files, positions))
        self._lost.looked_at((file.relative for file in files), found.lost)
        others = op_file_scan.about_others(self._scan_problems, files)
        self._scan_problems = others + found.problems
        if not found.readings:
            return
        bundles = op_file_scan.read_all(folder, found.readings, self._writer.has_left)
        ahead = ReadAhead(bundles, self._ports.workers)
        try:
            while (bundle := await ahead.next()) is not None:
                self._scan_problems += bundle.problems
                outcomes = await self._intake.deliver_all(bundle.parts)
                for part, outcome in zip(bundle.parts, outcomes, strict=True):
                    if isinstance(outcome, BaseException):
                        raise outcome
                    assert part.progress is not None
                    positions[part.progress.position.path] = part.progress.position
                    self._line_problems.was_read(part.progress)
        finally:
            await ahead.end()

    async def _write(self) -> None:
        self._write_due = False
        try:
            written = await self._writer.write_owed(await self._known_positions())
        except SilaError:
            self._write_due = True
            raise
        finally:
            await self.owed.count()
        if written:
            self._write_at = self._ports.clock.monotonic() + self._settings.append_interval_s

    async def _flush(self) -> None:
        """Writes what is owed before the process ends; what fails stays owed."""
        await self._writer.finish()
        if self.state is not FolderState.WORKING:
            return
        try:
            await self._opened()
            await self._writer.write_owed(await self._known_positions())
            # Whatever `_secrets_due` says: the turn that took it may have been cut short.
            await self._secrets.sync()
        except SilaError as error:
            self.state, self.reason = FolderState.FAILING, error.message
