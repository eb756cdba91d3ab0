"""An upload of which a sync failed: no later sync that succeeds for nothing makes it a file.

The server stands on a disk that forgets what waited for a sync that failed, as Linux does.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from sila_daemon.core.errors import NotFoundError, StorageError
from sila_daemon.database.database import InlineDatabases
from sila_daemon.folder.layout import static_path, var_path
from sila_daemon.ports.disk import make_dirs
from sila_daemon.ports.workers import InlineWorkers
from sila_daemon.server.files.file_store import Sent
from sila_daemon.server.ports import Ports
from sila_daemon.server.world import World
from tests.server.world_fixture import SPACE
from tests.simulation.disk import DiskView, MachineDisk
from tests.simulation.inodes import File
from tests.simulation.ports import SimClock, SimRandomness
from tests.simulation.vfs import SimVfs

if TYPE_CHECKING:
    from sila_daemon.ports.disk import FileStat
    from sila_daemon.server.files.uploads import Upload, Uploads
    from sila_daemon.server.spaces.space_opening import OpenSpace

DATA = bytes(range(256)) * 3000
HASH = hashlib.sha256(DATA).hexdigest()
OTHER = b"another file"
OTHER_HASH = hashlib.sha256(OTHER).hexdigest()
UUID = "6a2f41a3c54c4fceb5e3ed1f0b7b3e5d"
HOME = Path("/data")
PART = ".part"


class View(DiskView):
    """A disk of which one call fails."""

    failing: tuple[str, str] = ("", "")
    """Its name, and how the name of the file or directory ends."""
    then = ("", "")
    """The same of the next one."""
    error = 0

    def step(self, what: str, path: Path, *, is_guarded: bool = True) -> None:
        """Has the call fail. Raises OSError."""
        if what == self.failing[0] and path.name.endswith(self.failing[1]):
            self.failing, self.then = self.then, ("", "")
            raise OSError(self.error, os.strerror(self.error), str(path))
        super().step(what, path, is_guarded=is_guarded)

    @property
    def forgets(self) -> bool:
        """A file forgets what waited for a sync that failed."""
        return True


class Machine:
    """A server's machine, and the space that one process of it holds open."""

    def __init__(self) -> None:
        self.clock = SimClock()
        self.disk = MachineDisk("server", self.clock.time)
        self.disk.view().make_dir(HOME)
        self.starts = 0
        self.owner = ""
        self.world: World
        self.space: OpenSpace
        self._use: Any = None

    async def start(self, *failing: tuple[str, str]) -> None:
        """Starts a process, of which calls may fail; the first one makes the space."""
        self.starts += 1
        random = Random(f"start {self.starts}")
        self.view = View(self.disk, self.disk.root, None)
        self.view.error = errno.EIO
        if failing:
            self.view.failing, self.view.then = (*failing, ("", ""))[:2]
        self._vfs = SimVfs(self.view, random, self.clock.time)
        databases = InlineDatabases(self._vfs.vfs_name)
        ports = Ports(self.clock, SimRandomness(random), self.view, databases, InlineWorkers())
        self.world = await World.open(HOME, ports)
        if not self.owner:
            user = await self.world.accounts.add_user("owner@example.org", None)
            await self.world.create_space(user, "Space", SPACE)
            self.owner = user.id
        self._use = self.world.spaces.use(SPACE)
        self.space = await self._use.__aenter__()

    async def stop(self) -> None:
        """Ends the process in order."""
        await self._use.__aexit__(None, None, None)
        await self.world.close()

    @property
    def uploads(self) -> Uploads:
        """The uploads of the space."""
        return self.space.files.uploads

    async def begin(self) -> Upload:
        """Begins an upload of the file."""
        return await self.uploads.begin(HASH, Sent(self.owner, "", len(DATA)))

    async def send(self, upload: Upload, data: bytes, offset: int | None = None) -> None:
        """Sends bytes, from where the upload says it is."""
        at = upload.offset if offset is None else offset
        await self.uploads.append(upload, at, _of(data))

    @contextmanager
    def failing(self, what: str, only: str = PART, error: int = errno.EIO) -> Iterator[None]:
        """Has the next such call on what has a name like this fail, and with it what is done."""
        self.view.failing, self.view.error = (what, only), error
        with pytest.raises(StorageError):
            yield
        assert self.view.failing == ("", ""), "it was that call"

    async def kill(self) -> None:
        """Ends the process at once."""
        self.world.spaces.open_spaces.pop(SPACE).task.cancel()
        await self.space.store.close()

    def stat(self, upload: Upload | None = None) -> FileStat | None:
        """Returns what the file is, or an upload of it."""
        layout = self.space.layout
        part = layout.version_dir / "uploads" / f"{upload.id if upload else ''}{PART}"
        return self.view.stat(part if upload else static_path(layout.files_dir, HASH))

    def survives(self, path: Path | None = None) -> bool:
        """Tells whether the file, or another of its bytes, would outlast the worst power cut."""
        path = path or static_path(self.space.layout.files_dir, HASH)
        found = self.view.find(path, durable=True)
        return isinstance(found, File) and bytes(found.durable) == DATA

    def parts(self) -> list[str]:
        """Returns what is left of uploads."""
        folder = self.space.layout.version_dir / "uploads"
        return [entry.name for entry in self.view.list_dir(folder)]


def is_other(before: FileStat | None, after: FileStat | None) -> bool:
    """Tells whether one file was written anew as another."""
    return before is not None and after is not None and before.inode != after.inode


async def _of(data: bytes) -> AsyncIterator[bytes]:
    yield data


@pytest.fixture
async def machine() -> AsyncIterator[Machine]:
    machine = Machine()
    await machine.start()
    yield machine
    await machine.stop()


async def test_a_failed_sync_of_the_last_part_is_not_made_up_for_by_the_next(
    machine: Machine,
) -> None:
    upload = await machine.begin()
    await machine.send(upload, DATA[:1000])
    with machine.failing("sync"):
        await machine.send(upload, DATA[1000:])
    assert upload.offset == len(DATA), "what is seen is not what is durable"
    await machine.send(upload, b"")
    assert (await machine.uploads.finish(upload)).hash == HASH
    assert machine.survives()
    assert machine.parts() == []


async def test_nor_is_that_of_the_whole_before_it_gets_its_name(machine: Machine) -> None:
    upload = await machine.begin()
    await machine.send(upload, DATA)
    before = machine.stat(upload)
    with machine.failing("sync"):
        await machine.uploads.finish(upload)
    await machine.send(upload, b"")
    assert (await machine.uploads.finish(upload)).hash == HASH
    assert machine.survives()
    assert is_other(before, machine.stat())
    assert machine.parts() == []


async def test_nor_is_it_where_another_upload_of_the_file_came_between(machine: Machine) -> None:
    upload = await machine.begin()
    await machine.send(upload, DATA)
    before = machine.stat(upload)
    with machine.failing("sync"):
        await machine.uploads.finish(upload)
    other = await machine.uploads.begin(HASH, Sent("another user", "", len(DATA)))
    await machine.send(other, DATA)
    await machine.uploads.finish(other)
    await machine.uploads.finish(upload)
    assert machine.survives()
    assert is_other(before, machine.stat())


async def test_the_next_process_does_not_trust_what_it_finds(machine: Machine) -> None:
    upload = await machine.begin()
    with machine.failing("sync"):
        await machine.send(upload, DATA)
    await machine.stop()
    await machine.start()
    again = machine.uploads.find(upload.id, machine.owner)
    assert again.offset == len(DATA)
    await machine.send(again, b"")
    await machine.uploads.finish(again)
    assert machine.survives()
    assert machine.parts() == []


async def test_an_upload_whose_name_failed_is_given_up_and_begun_anew(machine: Machine) -> None:
    upload = await machine.begin()
    await machine.send(upload, DATA)
    with machine.failing("sync_dir", HASH[:2]):
        await machine.uploads.finish(upload)
    assert machine.parts() == [], "it was moved"
    with pytest.raises(StorageError):
        await machine.send(upload, b"")
    with pytest.raises(NotFoundError):
        machine.uploads.find(upload.id, machine.owner)
    anew = await machine.begin()
    await machine.send(anew, DATA)
    await machine.uploads.finish(anew)
    assert machine.survives()


@pytest.mark.parametrize("end", [Machine.stop, Machine.kill])
async def test_the_next_process_does_not_count_on_a_name_whose_sync_failed(
    machine: Machine, end: Callable[[Machine], Awaitable[None]]
) -> None:
    await machine.space.files.static.put(OTHER_HASH, _of(OTHER))  # The directory is there.
    with machine.failing("sync_dir", HASH[:2]):
        await machine.space.files.static.put(HASH, _of(DATA))
    before = machine.stat()
    await end(machine)
    await machine.start()
    assert await machine.space.files.has_static(HASH), "it is not sent again"
    assert machine.survives()
    assert is_other(before, machine.stat())


async def test_what_a_killed_process_named_counts_once_it_is_durable(machine: Machine) -> None:
    files_dir = machine.space.layout.files_dir
    paths = static_path(files_dir, HASH), var_path(files_dir, UUID)
    await machine.space.files.static.put(OTHER_HASH, _of(OTHER))
    for path in paths:
        make_dirs(machine.view, path.parent)
        with machine.view.create(path) as file:
            file.write(DATA)
    await machine.kill()
    assert not any(map(machine.survives, paths))
    await machine.start()
    files = machine.space.files
    state = await files.var.state(UUID)
    assert await files.has_static(HASH)
    assert state is not None and state.sha256 == HASH
    assert all(map(machine.survives, paths))


@pytest.mark.parametrize("is_sent", [True, False])
async def test_what_cannot_be_made_durable_is_sent_again_or_looked_at_the_next_time(
    machine: Machine, is_sent: bool
) -> None:
    path = static_path(machine.space.layout.files_dir, HASH)
    await machine.space.files.static.put(OTHER_HASH, _of(OTHER))
    make_dirs(machine.view, path.parent)
    machine.view.create(path).write(DATA)
    await machine.kill()
    await machine.start(("sync", path.name), ("sync", ".tmp"))
    assert machine.view.failing == ("", "")
    assert not await machine.space.files.has_static(HASH)
    if is_sent:
        await machine.space.files.static.put(HASH, _of(DATA))
    else:
        await machine.stop()
        await machine.start()
    assert await machine.space.files.has_static(HASH)
    assert machine.survives()


async def test_a_mutable_file_that_cannot_be_made_durable_keeps_nobody_out(
    machine: Machine,
) -> None:
    path = var_path(machine.space.layout.files_dir, UUID)
    await machine.space.files.static.put(OTHER_HASH, _of(OTHER))
    make_dirs(machine.view, path.parent)
    machine.view.create(path).write(DATA)
    await machine.kill()
    await machine.start(("sync", path.name))
    assert machine.view.failing == ("", "")
    assert await machine.space.files.var.state(UUID) is None
    await machine.stop()
    await machine.start()
    state = await machine.space.files.var.state(UUID)
    assert state is not None and state.sha256 == HASH
    assert machine.survives(path)


async def test_where_the_disk_is_too_full_for_a_copy_the_upload_begins_anew(
    machine: Machine,
) -> None:
    upload = await machine.begin()
    with machine.failing("sync"):
        await machine.send(upload, DATA)
    await machine.send(upload, b"")
    with machine.failing("write", ".tmp", errno.ENOSPC):
        await machine.uploads.finish(upload)
    with pytest.raises(NotFoundError):
        machine.uploads.find(upload.id, machine.owner)
    assert machine.parts() == [], "what cannot be used takes no room"
