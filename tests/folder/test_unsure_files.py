"""A sync that failed is not repeated: the next one may succeed for nothing, as on Linux."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import CorruptBlobError, StorageError
from sila_daemon.folder.blob_batch import put_together
from sila_daemon.folder.blob_writer import BlobWriter
from sila_daemon.folder.blobs import BlobFolder
from sila_daemon.mirror.file_reading import Found, read_small
from sila_daemon.ports.workers import InlineWorkers
from tests.folder.spaces import SeededRandomness
from tests.simulation.disk import DiskView, MachineDisk
from tests.simulation.inodes import File

if TYPE_CHECKING:
    from sila_daemon.ports.disk import DirEntry

FILES = Path("/space/files")
CONTENT = b"some bytes" * 1000
NAME = hashlib.sha256(CONTENT).hexdigest()
PATH = FILES / "static/sha256" / NAME[:2] / NAME[2:]
PART = FILES / "part"
UUID = "6a2f41a3c54c4fceb5e3ed1f0b7b3e5d"
VAR_PATH = FILES / "var/uuid" / UUID[:2] / UUID[2:]
HOME = Path("/home")


class Machine:
    """A simulated disk that forgets what waited for a sync that failed."""

    def __init__(self) -> None:
        self.disk = MachineDisk("a", lambda: 1.0)
        self.view: DiskView = self.disk.view()
        self.view.make_dir(FILES.parent)
        self.view.sync_dir(Path("/"))
        self.view.make_dir(HOME)
        self.view.sync_dir(Path("/"))
        self.folder = self.new_folder()

    def new_folder(self) -> BlobFolder:
        """The files as a process sees them that was just started."""
        return BlobFolder(FILES, self.view, SeededRandomness(), unsure_dir=HOME / "unsure")

    def bring(self, path: Path = PATH) -> None:
        """Writes a file as another program does, which makes nothing durable."""
        for directory in reversed(path.parents[: len(path.relative_to("/space").parts) - 1]):
            self.view.make_dir(directory)
        self.view.create(path).write(CONTENT)

    def fail(self, only: str) -> None:
        """Lets the next call on what has a name like this fail."""
        self.disk.faults.fail(errno.EIO, 0, only=only, forgets=True)

    def survives(self, path: Path = PATH) -> bool:
        """Tells whether the file would be there after the worst power cut."""
        found = self.view.find(path, durable=True)
        return isinstance(found, File) and bytes(found.durable) == CONTENT

    def leftovers(self) -> list[str]:
        names = [entry.name for entry in self.view.list_dir(FILES)]
        return [name for name in names if name.startswith(".")]


@pytest.fixture
def machine() -> Machine:
    return Machine()


def test_a_found_file_is_written_anew_once_its_sync_failed(machine: Machine) -> None:
    machine.bring()
    machine.fail(NAME[2:])
    with pytest.raises(StorageError):
        machine.folder.make_static_durable(NAME)
    before = machine.folder.static_stat(NAME)
    machine.folder.make_static_durable(NAME)
    after = machine.folder.static_stat(NAME)
    assert machine.survives()
    assert before is not None and after is not None
    assert before.inode != after.inode
    machine.folder.make_static_durable(NAME)
    assert machine.folder.static_stat(NAME) == after, "once"
    assert machine.leftovers() == []


def test_one_look_believes_no_second_sync(machine: Machine) -> None:
    machine.bring()
    machine.fail(NAME[2:])
    assert read_small(machine.folder, [NAME]) == {}
    assert isinstance(read_small(machine.folder, [NAME])[NAME], Found)
    assert machine.survives()


def test_a_mutable_file_that_others_wrote_is_durable_before_it_counts(machine: Machine) -> None:
    machine.bring(VAR_PATH)
    assert not machine.survives(VAR_PATH)
    found = machine.folder.stat_var(UUID)
    machine.folder.make_var_durable(found)
    assert machine.survives(VAR_PATH)
    before = machine.view.stat(VAR_PATH)
    machine.folder.make_var_durable(found)
    assert machine.view.stat(VAR_PATH) == before, "nobody else's file is written without need"


@pytest.mark.parametrize("failing", [UUID[2:], UUID[:2]])
@pytest.mark.parametrize("is_next_process", [False, True])
def test_a_mutable_file_is_written_anew_once_its_sync_failed(
    machine: Machine, failing: str, is_next_process: bool
) -> None:
    """Whether the sync of its bytes failed, or that of its name."""
    machine.bring(VAR_PATH)
    found = machine.folder.stat_var(UUID)
    machine.fail(failing)
    with pytest.raises(StorageError):
        machine.folder.make_var_durable(found)
    folder = machine.new_folder() if is_next_process else machine.folder
    before = machine.view.stat(VAR_PATH)
    folder.make_var_durable(found)
    after = machine.view.stat(VAR_PATH)
    assert machine.survives(VAR_PATH)
    assert before is not None and after is not None
    assert before.inode != after.inode
    folder.make_var_durable(found)
    assert machine.view.stat(VAR_PATH) == after, "once"
    assert machine.leftovers() == []


@pytest.mark.parametrize("is_late", [False, True])
def test_what_a_mutable_file_became_meanwhile_is_left_as_it_is(
    machine: Machine, is_late: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is read to be written anew, or only before that gets its name."""

    def save() -> None:
        machine.view.open_append(VAR_PATH).write(b"more")

    def saving_sync(writer: BlobWriter) -> None:
        sync(writer)
        save()

    machine.bring(VAR_PATH)
    found = machine.folder.stat_var(UUID)
    machine.fail(UUID[2:])
    with pytest.raises(StorageError):
        machine.folder.make_var_durable(found)
    sync = BlobWriter.sync
    if is_late:
        monkeypatch.setattr(BlobWriter, "sync", saving_sync)
    else:
        save()
    with pytest.raises(StorageError) as caught:
        machine.folder.make_var_durable(found)
    assert caught.value.code == "changed", "it is to be looked at again"
    assert machine.folder.stat_var(UUID).size == len(CONTENT) + 4
    assert machine.leftovers() == []


def test_too_much_open_is_no_failed_sync(machine: Machine) -> None:
    machine.bring(VAR_PATH)
    found = machine.folder.stat_var(UUID)
    machine.disk.faults.fail(errno.EMFILE, 0, only=UUID[:2])
    with pytest.raises(StorageError):
        machine.folder.make_var_durable(found)
    before = machine.view.stat(VAR_PATH)
    machine.folder.make_var_durable(found)
    assert machine.view.stat(VAR_PATH) == before, "nobody else's file is written without need"
    assert machine.survives(VAR_PATH)


@pytest.mark.parametrize("failing", [NAME[2:], NAME[:2]])
def test_who_brings_what_is_there_has_it_written_anew(machine: Machine, failing: str) -> None:
    """Whether the sync of its bytes failed, or that of its name."""
    machine.folder.put_static([b"another file"])
    machine.bring()
    machine.folder._directories.settle([PATH.parent])  # Or a directory of this name fails first.
    machine.fail(failing)
    with pytest.raises(StorageError):
        machine.folder.put_static([CONTENT])
    before = machine.folder.static_stat(NAME)
    machine.folder.put_static([CONTENT])
    assert machine.survives()
    assert before != machine.folder.static_stat(NAME)
    assert machine.leftovers() == []


async def test_nor_do_those_that_are_stored_together(machine: Machine) -> None:
    machine.bring()
    machine.fail(NAME[2:])
    files = [(NAME, CONTENT)]
    with pytest.raises(StorageError):
        await put_together(machine.folder, InlineWorkers(), files)
    assert len(await put_together(machine.folder, InlineWorkers(), files)) == 1
    assert machine.survives()


def test_a_file_in_parts_whose_sync_failed_is_unsure(machine: Machine) -> None:
    machine.bring(PART)
    machine.fail(PART.name)
    machine.disk.faults.fail(errno.EIO, 1, only=PART.name, forgets=True)
    with pytest.raises(StorageError):
        machine.folder.adopt_static(PART, NAME)
    assert NAME in machine.folder.unsure
    machine.folder.put_static([CONTENT])
    assert NAME not in machine.folder.unsure
    assert machine.survives()


def test_a_file_in_parts_is_copied_once_its_sync_failed(machine: Machine) -> None:
    machine.bring(PART)
    machine.disk.faults.fail(errno.EIO, 1, only=PART.name, forgets=True)
    with pytest.raises(StorageError):
        machine.folder.adopt_static(PART, NAME)
    assert machine.folder.adopt_static(PART, NAME).size == len(CONTENT)
    assert machine.survives()
    assert machine.view.stat(PART) is None
    assert machine.leftovers() == []


def test_so_is_one_that_somebody_distrusts(machine: Machine) -> None:
    machine.bring(PART)
    machine.disk.faults.fail(errno.EIO, 1, only=PART.name, forgets=True)
    with machine.view.open_append(PART) as file, pytest.raises(OSError, match="Input/output"):
        file.sync()
    assert NAME not in machine.folder.unsure
    machine.folder.adopt_static(PART, NAME, is_sound=False)
    assert machine.survives()
    assert machine.view.stat(PART) is None


def test_a_copy_of_other_bytes_is_refused(machine: Machine) -> None:
    machine.bring(PART)
    other = "0" * 64
    with pytest.raises(CorruptBlobError):
        machine.folder.adopt_static(PART, other, is_sound=False)
    assert machine.view.stat(PART) is not None
    assert not machine.folder.has_static(other)
    assert machine.leftovers() == []


@pytest.mark.parametrize("failing", [NAME[2:], NAME[:2]])
def test_the_next_process_writes_it_anew_too(machine: Machine, failing: str) -> None:
    machine.bring()
    machine.folder._directories.settle([PATH.parent])
    machine.fail(failing)
    with pytest.raises(StorageError):
        machine.folder.make_static_durable(NAME)
    before = machine.view.stat(PATH)
    machine.new_folder().make_static_durable(NAME)
    written = machine.view.stat(PATH)
    assert machine.survives()
    assert before is not None and written is not None
    assert before.inode != written.inode
    machine.new_folder().make_static_durable(NAME)
    assert machine.view.stat(PATH) == written, "once"


def test_who_brings_it_to_the_next_process_has_it_written_anew(machine: Machine) -> None:
    machine.bring()
    machine.fail(NAME[2:])
    with pytest.raises(StorageError):
        machine.folder.put_static([CONTENT])
    machine.new_folder().put_static([CONTENT])
    assert machine.survives()


def test_where_it_cannot_be_known_nothing_is_said_to_be_durable(machine: Machine) -> None:
    machine.bring()
    machine.fail(NAME[2:])
    with pytest.raises(StorageError):
        machine.folder.make_static_durable(NAME)
    folder = machine.new_folder()
    listed = machine.view.list_dir
    machine.view.list_dir = _refuse  # type: ignore[method-assign]
    with pytest.raises(StorageError):
        folder.make_static_durable(NAME)
    machine.view.list_dir = listed  # type: ignore[method-assign]
    folder.make_static_durable(NAME)
    assert machine.survives()


def _refuse(path: Path) -> list[DirEntry]:
    raise OSError(errno.EIO, "input/output error", str(path))
