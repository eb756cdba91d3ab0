"""Wrong code, each with a case that notices it: an enumeration that never fails proves nothing."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import apsw

from sila_daemon.database import database, schema
from sila_daemon.folder import blob_batch, blob_directories, secrets
from sila_daemon.folder.blob_writer import BlobWriter, StaticBlob
from sila_daemon.folder.layout import static_path
from sila_daemon.folder.op_batch import Group, OpBatch
from sila_daemon.folder.op_directories import OpDirectories
from sila_daemon.folder.op_files import OpFiles
from sila_daemon.mirror import op_file_scan
from sila_daemon.ports import durable_files
from sila_daemon.ports.disk import make_dirs
from sila_daemon.runtime import device
from sila_daemon.server.ops.op_store import OpStore
from sila_daemon.server.spaces.space_secrets import SpaceSecrets
from sila_daemon.store.schema import FOLDER
from sila_daemon.store.space_store import Acknowledgement, Delivery, SpaceStore
from tests.crash_states.failures import FORGOTTEN, Kind
from tests.simulation.mutants.databases import (
    cursor_alone,
    server_acknowledges_early,
    store_saves_early,
)
from tests.simulation.mutants.mutant import WrongCode
from tests.simulation.record import ViolationError

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.ports.disk import Disk
    from sila_daemon.ports.randomness import Randomness
    from sila_daemon.server.spaces.space_secrets import SecretSet
    from sila_daemon.store.space_store import Committed

_sync = OpBatch._sync
_write_secrets = SpaceSecrets._write
_commit = SpaceStore.commit
_acknowledge = SpaceStore.acknowledge


@dataclass(frozen=True, slots=True)
class Planted:
    """Wrong code, and the case that notices it."""

    mutant: WrongCode
    case: str
    kind: Kind | None = None
    """How calls fail when that is what it takes; else crashes are enough."""
    signs: tuple[type[Exception], ...] = (ViolationError,)
    """What may be raised."""


def _temporary(path: Path, randomness: Randomness) -> Path:
    return path.with_name(durable_files.temporary_name(randomness))


def _renamed_before_sync(disk: Disk, path: Path, data: bytes, randomness: Randomness) -> None:
    temporary = _temporary(path, randomness)
    with disk.create(temporary) as file:
        file.write(data)
        disk.rename(temporary, path)
        disk.sync_dir(path.parent)
        file.sync()


def _name_not_synced(disk: Disk, path: Path, data: bytes, randomness: Randomness) -> None:
    temporary = _temporary(path, randomness)
    with disk.create(temporary) as file:
        file.write(data)
        file.sync()
    disk.rename(temporary, path)


def _written_in_place(disk: Disk, path: Path, data: bytes, randomness: Randomness) -> None:
    disk.unlink(path)
    with disk.create(path) as file:
        file.write(data)
        file.sync()
    disk.sync_dir(path.parent)


def _failed_sync_passed_over(disk: Disk, path: Path, data: bytes, randomness: Randomness) -> None:
    temporary = _temporary(path, randomness)
    with disk.create(temporary) as file:
        file.write(data)
        with suppress(OSError):
            file.sync()
    disk.rename(temporary, path)
    disk.sync_dir(path.parent)


def _leftovers_after_a_failure(disk: Disk, path: Path, data: bytes, randomness: Randomness) -> None:
    temporary = _temporary(path, randomness)
    with disk.create(temporary) as file:
        file.write(data)
        file.sync()
    disk.rename(temporary, path)
    disk.sync_dir(path.parent)


def _blob_named_before_sync(writer: BlobWriter, target: Path) -> None:
    writer._disk.rename(writer._temporary, target)
    writer._disk.sync_dir(target.parent)
    writer._file.sync()
    writer._file.close()
    writer._is_open = False


def _there_taken_as_durable(writer: BlobWriter, expected_hash: str | None = None) -> StaticBlob:
    is_there = writer._disk.stat(static_path(writer._files_dir, writer.sha256)) is not None
    blob, directory = writer.place_static(expected_hash)
    if not is_there:
        writer._disk.sync_dir(directory)
    return blob


def _taken_as_synced(batch: blob_batch.BlobBatch, some: Any) -> None:
    for _, writer in some:
        writer._synced_bytes = writer.size


def _directories_left_alone(batch: blob_batch.BlobBatch) -> list[StaticBlob]:
    stored = [writer.place_static(name)[0] for name, writer in batch._writers]
    batch.abort()
    return stored


def _directories_not_synced(directories: Any, directory: Path) -> None:
    if directory.parent != directories._files_dir.parent and directory != directories._files_dir:
        _directories_not_synced(directories, directory.parent)
    elif directories._disk.stat(directories._files_dir) is None:
        make_dirs(directories._disk, directories._files_dir)
    directories._disk.make_dir(directory)


def _taken_as_durable(*_: object) -> None:
    pass


def _true(*_: object) -> bool:
    return True


def _op_directories_not_synced(directories: OpDirectories, made: dict[Path, Any]) -> None:
    directories._durable.update(made)


def _failures_passed_over(batch: OpBatch, some: Any) -> None:
    _sync(batch, some)
    batch._is_stopped = False
    for one in batch._open:
        one.error = None
    _credited_before_the_sync(batch, some)


def _credited_before_the_sync(batch: OpBatch, some: Any) -> None:
    for one in some:
        one.is_synced = True


def _roots_with_the_rest(batch: OpBatch) -> list[Group]:
    groups = list(batch._queue)
    batch._queue.clear()
    return groups


def _values_before_removals(at: SpaceSecrets, found: SecretSet) -> None:
    secrets.write_secrets(at._disk, at._path, at._space_id, found.values, at._randomness)
    _write_secrets(at, found)


async def _cursor_goes_ahead(store: SpaceStore, deliveries: Sequence[Delivery]) -> list[Committed]:
    for delivery in deliveries:
        await cursor_alone(store, delivery)
    return await _commit(store, deliveries)


async def _position_goes_ahead(
    store: SpaceStore, deliveries: Sequence[Delivery]
) -> list[Committed]:
    await _commit(store, [Delivery((), FOLDER, progress=each.progress) for each in deliveries])
    return await _commit(store, deliveries)


async def _debts_end_by_themselves(
    store: SpaceStore, layer: str, answers: Sequence[Acknowledgement]
) -> tuple[int, int]:
    await store.settle(layer, [owed.seq for answer in answers for owed in answer.held])
    return await _acknowledge(store, layer, answers)


def _passed_over(*_: object) -> None:
    """Does nothing."""


def _rolled_back_by_apsw(connection: apsw.Connection, work: Any) -> Any:
    with connection:
        return work(connection)


def _write(code: Any, case: str, kind: Kind | None = None) -> Planted:
    return Planted(WrongCode(secrets, "write_atomic", code), case, kind)


TOGETHER = "blob: several together"
OPS_TOGETHER = "append: several trees together"
FOLDERS_SECRETS = "secrets: a folder's"
EIO = Kind(errno.EIO)

MUTANTS: dict[str, Planted] = {
    "renamed_before_sync": _write(_renamed_before_sync, FOLDERS_SECRETS),
    "name_not_synced": _write(_name_not_synced, FOLDERS_SECRETS),
    "written_in_place": _write(_written_in_place, FOLDERS_SECRETS),
    "failed_sync_passed_over": _write(_failed_sync_passed_over, FOLDERS_SECRETS, EIO),
    "leftovers_after_a_failure": _write(_leftovers_after_a_failure, FOLDERS_SECRETS, EIO),
    "same_secrets_taken_as_durable": Planted(
        WrongCode(secrets, "make_durable", _taken_as_durable), FOLDERS_SECRETS
    ),
    "removed_secret_comes_back": Planted(
        WrongCode(SpaceSecrets, "_write", _values_before_removals),
        "secrets: a server's, one removed",
    ),
    "blob_named_before_sync": Planted(
        WrongCode(BlobWriter, "_name", _blob_named_before_sync), "blob: mutable, replaced"
    ),
    "blob_directories_not_synced": Planted(
        WrongCode(blob_directories.BlobDirectories, "make", _directories_not_synced),
        "blob: immutable",
    ),
    "blob_there_taken_as_durable": Planted(
        WrongCode(BlobWriter, "finish_static", _there_taken_as_durable), "blob: immutable"
    ),
    "blobs_together_named_before_sync": Planted(
        WrongCode(blob_batch.BlobBatch, "_sync", _taken_as_synced), TOGETHER
    ),
    "blobs_together_without_their_directories": Planted(
        WrongCode(blob_batch.BlobBatch, "finish", _directories_left_alone), TOGETHER
    ),
    "device_taken_as_durable": Planted(
        WrongCode(device, "make_durable", _taken_as_durable), "file: the device's id"
    ),
    "torn_tail_not_healed": Planted(
        WrongCode(OpFiles, "ends_well", _true), "append: own, after a torn tail"
    ),
    "unsynced_lines_credited": Planted(
        WrongCode(op_file_scan, "_outlasts", _true), "append: own, new files"
    ),
    "op_directories_not_synced": Planted(
        WrongCode(OpDirectories, "_sync", _op_directories_not_synced), "append: a new day"
    ),
    "ops_credited_before_the_shared_sync": Planted(
        WrongCode(OpBatch, "_sync", _credited_before_the_sync), OPS_TOGETHER
    ),
    "ops_together_without_their_names": Planted(
        WrongCode(OpFiles, "sync_names", _taken_as_durable), OPS_TOGETHER
    ),
    "roots_with_the_rest": Planted(
        WrongCode(OpBatch, "_next_groups", _roots_with_the_rest), OPS_TOGETHER
    ),
    "failed_append_passed_over": Planted(
        WrongCode(OpBatch, "_sync", _failures_passed_over), "append: several files, twice", EIO
    ),
    "failed_sync_tried_again": Planted(
        WrongCode(OpFiles, "leave", _passed_over), "append: several files, twice", FORGOTTEN
    ),
    "log_continued_after_a_crash": Planted(
        WrongCode(database, "_empty_log", _passed_over), "store: a new one", FORGOTTEN
    ),
    "store_saves_early": Planted(
        WrongCode(SpaceStore, "open", classmethod(store_saves_early)), "store: ops with a cursor"
    ),
    "cursor_before_its_ops": Planted(
        WrongCode(SpaceStore, "commit", _cursor_goes_ahead), "store: ops with a cursor"
    ),
    "position_before_its_ops": Planted(
        WrongCode(SpaceStore, "commit", _position_goes_ahead), "store: ops with a scan position"
    ),
    "debts_end_by_themselves": Planted(
        WrongCode(SpaceStore, "acknowledge", _debts_end_by_themselves),
        "store: a settled outbox with a cursor",
    ),
    "rolled_back_by_apsw": Planted(
        WrongCode(schema, "in_transaction", _rolled_back_by_apsw),
        "store: a new one",
        EIO,
        (apsw.SQLError,),
    ),
    "server_acknowledges_early": Planted(
        WrongCode(OpStore, "open", classmethod(server_acknowledges_early)), "server: a commit"
    ),
}
