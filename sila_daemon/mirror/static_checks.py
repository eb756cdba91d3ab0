"""Holds the bytes of immutable files that others bring against their names, once for each state.

A carrier may bring a file cut short under its final name, or a disk may damage it: it counts as
here only when it is what its name says, and servers are offered nothing else. What is wrong gets
some time to be written to its end. Then it is damaged: it is fetched anew, over bytes that are
worth nothing under that name, or a person is told.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sila_daemon.core.errors import CorruptBlobError, NotFoundError, SilaError
from sila_daemon.core.wording import counted
from sila_daemon.folder.layout import static_path
from sila_daemon.mirror.file_reading import STEP_BYTES, Found, Reading, read_small
from sila_daemon.mirror.wakes import News
from sila_daemon.store.blobs import STATIC, BlobName, LocalBlob
from sila_daemon.store.static_looks import StaticLook, StaticLooks, look_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from sila_daemon.folder.blobs import BlobFolder
    from sila_daemon.folder.carriers import Carrier
    from sila_daemon.mirror.record import MirrorPorts
    from sila_daemon.mirror.wakes import Wakes
    from sila_daemon.ports.disk import FileStat
    from sila_daemon.store.blobs import Blobs

PARALLEL = 2
"""Files that are read at once; as many workers are left to others."""

BATCH_FILES = 100
"""What so many files were found to be is stored in one commit."""

GROUP_FILES = 16
"""So many small files are read, and made durable, in one step."""

REST_SHARE = 0.25
"""After a batch nothing is read for this share of the time that it took."""

RETRY_S = 5.0
"""What could not be stored is tried again after so long."""

FETCH_S = 30.0
"""A server has so long to bring a damaged file anew before a person is told."""


class _Sighting(NamedTuple):
    """Wrong bytes under a name, and since when, by the monotonic clock."""

    stat: FileStat
    since: float


@dataclass(slots=True)
class _State:
    """Where each file that is not known to be right stands."""

    due: dict[str, FileStat]
    """They are to be read."""
    doubtful: dict[str, _Sighting]
    """They were read and are wrong, and may be being written; due again once that took long."""
    damaged: dict[str, _Sighting]
    unreadable: dict[str, str]
    """Why the disk does not give them; each scan has them tried again."""

    def forget(self, name: str) -> None:
        for place in (self.due, self.doubtful, self.damaged, self.unreadable):
            place.pop(name, None)

    def keep_only(self, names: Iterable[str], directories: Collection[str]) -> None:
        known = {*self.due, *self.doubtful, *self.damaged, *self.unreadable}.difference(names)
        for name in sorted(name for name in known if name[:2] in directories):
            self.forget(name)


class StaticChecks:
    """The immutable files of one space that are not known to be right. `run` reads them."""

    def __init__(
        self,
        files_dir: Path,
        folder: BlobFolder,
        ports: MirrorPorts,
        blobs: Blobs,
        looks: StaticLooks,
        wakes: Wakes,
        grace_s: float,
        *,
        has_servers: bool,
    ) -> None:
        """A file that is wrong has `grace_s` without a change before it is called damaged."""
        self._files_dir = files_dir
        self._folder = folder
        self._ports = ports
        self._blobs = blobs
        self._looks = looks
        self._wakes = wakes
        self._grace_s = grace_s
        self._fetch_s = FETCH_S if has_servers else 0.0
        self._state = _State({}, {}, {}, {})
        self.carrier: Carrier | None = None
        """A tool that may bring what is missing."""
        self._awaited: dict[BlobName, float] = {}
        """Since when files are missing that it may bring, by the monotonic clock."""
        self._given_up: set[BlobName] = set()
        self._reason = ""
        """Why nothing can be stored just now."""
        self._wake = asyncio.Event()
        self._turned = asyncio.Condition()

    def sort_out(
        self,
        directories: Collection[str],
        listed: Mapping[str, FileStat],
        looks: Mapping[str, StaticLook],
    ) -> dict[BlobName, LocalBlob]:
        """Returns which of the files of some directories count as right.

        The rest is read, but for what a cloud tool keeps elsewhere.
        """
        state, now = self._state, self._ports.clock.monotonic()
        right = {}
        state.keep_only(listed, directories)
        for name, stat in listed.items():
            look = looks.get(name)
            if look is not None and look.is_of(stat):
                known = state.damaged.get(name) or _Sighting(stat, now)
                state.forget(name)
                if look.is_right:
                    right[BlobName(STATIC, name)] = _local(name, stat)
                else:
                    state.damaged[name] = known
            elif stat.is_dataless and name not in state.doubtful:
                # It counts by its name until somebody needs it: or all would be brought here.
                state.forget(name)
                right[BlobName(STATIC, name)] = _local(name, stat)
            elif name not in state.doubtful or state.doubtful[name].stat != stat:
                state.forget(name)
                state.due[name] = stat
        if state.due or state.doubtful:
            self._wake.set()
        return right

    def doubted_directories(self) -> set[str]:
        """Returns where files are that were wrong or could not be read when they were."""
        state = self._state
        return {name[:2] for name in (*state.doubtful, *state.damaged, *state.unreadable)}

    async def run(self) -> None:
        """Reads what is due, until cancelled; what cannot be stored is tried again."""
        while True:
            self._wake.clear()
            began = self._ports.clock.monotonic()
            self._take_doubtful(began)
            self._give_up(began)
            batch = list(self._state.due)[:BATCH_FILES]
            try:
                await self._check(batch)
            except SilaError as error:
                self._reason = error.message
                await self._ports.clock.sleep(RETRY_S)
                continue
            self._reason = ""
            async with self._turned:
                self._turned.notify_all()
            self._wakes.ring(News.STATE)
            if batch:
                await self._ports.clock.sleep((self._ports.clock.monotonic() - began) * REST_SHARE)
            else:
                await self._wait()

    async def checked(self) -> None:
        """Returns once every file that was found is known to be right or damaged."""
        async with self._turned:
            await self._turned.wait_for(lambda: not (self._state.due or self._state.doubtful))

    async def require_right(self, name: str) -> None:
        """Reads a file that is not known to be right. Raises CorruptBlobError, NotFoundError."""
        look = await self._looks.of(name)
        stat = await self._ports.workers.run(lambda: self._folder.static_stat(name))
        if look is not None and stat is not None and look.is_of(stat) and look.is_right:
            return
        found = await self._read(name)
        if stat is not None and stat.is_dataless:
            await self._brought(found)
        if not found.is_right:
            raise CorruptBlobError(
                f"the file {name} is not whole here",
                hint="a tool may be bringing it; else bring it back from another copy",
            )

    async def _brought(self, found: Found) -> None:
        """Takes note of a file that counted by its name and was read for the first time."""
        if found.is_right:
            looks = {found.name: look_of(found.stat, is_right=True)}
            await self._blobs.arrived([_local(found.name, found.stat)], looks=looks)
        else:
            self._state.due[found.name] = found.stat
            self._wake.set()

    def received(self, name: str) -> None:
        """Takes note that a file was written here, and is right."""
        self._state.forget(name)

    def to_fetch(self, lacking: Iterable[BlobName]) -> list[BlobName]:
        """Returns which files are to be asked for: damaged ones too, none that may be coming.

        A tool that carries the folder gets some time to bring what is missing.
        """
        state = self._state
        coming = {*state.due, *state.doubtful}
        wanted = dict.fromkeys(
            blob for blob in lacking if blob.kind != STATIC or blob.name not in coming
        )
        damaged = dict.fromkeys(BlobName(STATIC, name) for name in state.damaged)
        return list(dict.fromkeys(self._not_awaited(wanted)) | damaged)

    def _not_awaited(self, wanted: Iterable[BlobName]) -> list[BlobName]:
        if self.carrier is None or not self.carrier.is_live:
            self._awaited.clear()
            return list(wanted)
        now = self._ports.clock.monotonic()
        self._awaited = {blob: self._awaited.get(blob, now) for blob in wanted}
        self._given_up &= self._awaited.keys()
        self._wake.set()
        return [blob for blob, since in self._awaited.items() if since + self._grace_s <= now]

    def _give_up(self, now: float) -> None:
        """Has servers asked for what a tool had its time to bring."""
        over = {blob for blob, since in self._awaited.items() if since + self._grace_s <= now}
        if over - self._given_up:
            self._given_up |= over
            self._wakes.ring(News.BLOBS)

    def verdict(self) -> tuple[str, str]:
        """Returns the state of the files in the words of commands, and why."""
        state, now = self._state, self._ports.clock.monotonic()
        if self._reason:
            return "broken", self._reason
        told = [name for name, seen in state.damaged.items() if seen.since + self._fetch_s <= now]
        if told:
            files, example = counted(len(told), "file", "are"), _shown(self._files_dir, told[0])
            return "needs_you", (
                f"{files} damaged, such as {example}: its bytes"
                " are not those that its name stands for; bring it back from another copy, or"
                " remove it"
            )
        if state.unreadable:
            name, why = next(iter(state.unreadable.items()))
            return "needs_you", f"{_shown(self._files_dir, name)} cannot be read: {why}"
        if state.damaged:
            files = counted(len(state.damaged), "file", "are")
            return "syncing", f"{files} damaged here, and fetched anew"
        missing = sum(since + self._grace_s > now for since in self._awaited.values())
        if missing and self.carrier is not None:
            files = counted(missing, "file")
            return "syncing", f"{files} may be on the way: {self.carrier.name} carries the folder"
        if state.due or state.doubtful:
            files = counted(len(state.due) + len(state.doubtful), "file", "are")
            return "syncing", f"{files} being looked at"
        return "current", ""

    def _take_doubtful(self, now: float) -> None:
        """Has files read once more that had their time to be written."""
        for name, seen in self._state.doubtful.items():
            if seen.since + self._grace_s <= now:
                self._state.due.setdefault(name, seen.stat)

    async def _wait(self) -> None:
        now = self._ports.clock.monotonic()
        due = [seen.since + self._grace_s for seen in self._state.doubtful.values()]
        due += [
            since + self._grace_s
            for blob, since in self._awaited.items()
            if blob not in self._given_up
        ]
        told = (seen.since + self._fetch_s for seen in self._state.damaged.values())
        due += [at for at in told if at > now]  # Status says something else from then on.
        try:
            async with asyncio.timeout(max(0.0, min(due) - now) if due else None):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _check(self, names: list[str]) -> None:
        waiting, found = iter(list(self._grouped(names))), list[Found]()

        async def work() -> None:
            for group in waiting:
                for name, one in (await self._read_group(group)).items():
                    if isinstance(one, Found):
                        found.append(one)
                        continue
                    self._state.forget(name)
                    if not isinstance(one, NotFoundError):
                        self._state.unreadable[name] = one.message

        async with asyncio.TaskGroup() as group:
            for _ in range(PARALLEL):
                group.create_task(work())
        # One after the other: a file that was written here meanwhile has a newer look.
        await self._keep_right(
            [one for one in found if one.is_right and one.name in self._state.due]
        )
        await self._doubt([one for one in found if not one.is_right])

    async def _keep_right(self, found: list[Found]) -> None:
        if not found:
            return
        looks = {one.name: look_of(one.stat, is_right=True) for one in found}
        await self._blobs.arrived([_local(one.name, one.stat) for one in found], looks=looks)
        for name in looks:
            self._state.forget(name)
        self._wakes.ring(News.BLOBS)

    async def _doubt(self, found: list[Found]) -> None:
        state, now = self._state, self._ports.clock.monotonic()
        damaged: dict[str, StaticLook] = {}
        wrong = [one for one in found if one.name in state.due]
        if not wrong:
            return
        await self._blobs.gone(BlobName(STATIC, one.name) for one in wrong)
        for one in wrong:
            seen = state.doubtful.get(one.name)
            state.forget(one.name)
            if seen is None or seen.stat != one.stat:
                state.doubtful[one.name] = _Sighting(one.stat, now)
            elif seen.since + self._grace_s > now:
                state.doubtful[one.name] = seen
            else:
                state.damaged[one.name] = _Sighting(one.stat, now)
                damaged[one.name] = look_of(one.stat, is_right=False)
        if damaged:
            await self._looks.note_wrong(damaged)
            self._wakes.ring(News.BLOBS)

    def _grouped(self, names: Iterable[str]) -> Iterator[list[str]]:
        """Puts files together that are read in one step, if they are as long as they were."""
        group, room = list[str](), STEP_BYTES
        for name in names:
            size = self._state.due[name].size
            if group and (size > room or len(group) >= GROUP_FILES):
                yield group
                group, room = [], STEP_BYTES
            group.append(name)
            room -= size
        if group:
            yield group

    async def _read_group(self, names: list[str]) -> dict[str, Found | SilaError]:
        """Reads files; right ones are durable then."""
        outcomes: dict[str, Found | SilaError] = {}
        if len(names) > 1:
            outcomes = await self._ports.workers.run(lambda: read_small(self._folder, names))
        for name in names:
            if name not in outcomes:
                try:
                    outcomes[name] = await self._read(name)
                except SilaError as error:
                    outcomes[name] = error
        return outcomes

    async def _read(self, name: str) -> Found:
        """Reads a file; a right one is durable then. Raises NotFoundError, StorageError."""
        run = self._ports.workers.run
        reading = await run(lambda: Reading.begun(self._folder, name))
        try:
            while (found := reading.found) is None:
                await run(reading.step)
        finally:
            reading.file.close()
        if found.is_right:
            await run(lambda: self._folder.make_static_durable(name))
        return found


def _local(name: str, stat: FileStat) -> LocalBlob:
    return LocalBlob(BlobName(STATIC, name), stat.size, name)


def _shown(files_dir: Path, name: str) -> str:
    return static_path(files_dir, name).relative_to(files_dir.parent.parent).as_posix()
