"""Wrong code that harms files, or lets in who has no right any more."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from sila_daemon.core.errors import RemoteError
from sila_daemon.folder.blob_writer import BlobWriter
from sila_daemon.folder.layout import static_path
from sila_daemon.folder.static_directories import Due, StaticDirectories
from sila_daemon.folder.unsure_files import UnsureFiles
from sila_daemon.mirror.carried_files import CarriedFiles
from sila_daemon.mirror.file_choices import OvertakenFiles
from sila_daemon.mirror.file_fetches import FileFetches
from sila_daemon.mirror.file_transport import Brought, FileTransport
from sila_daemon.mirror.file_uploads import FileUploads
from sila_daemon.mirror.pack_transport import PackTransport
from sila_daemon.mirror.partial_files import PartialFiles
from sila_daemon.mirror.static_checks import StaticChecks
from sila_daemon.ports.disk import make_dirs
from sila_daemon.server.accounts.grants import Grant
from sila_daemon.store.blobs import STATIC, LocalBlob
from sila_daemon.store.fetch_policy import FetchPolicy
from sila_daemon.store.static_looks import look_of
from tests.simulation.files import FOLDER_FILES
from tests.simulation.mutants import file_plans, plans
from tests.simulation.mutants.mutant import Mutant

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    import apsw

    from sila_daemon.mirror.layers import Layers
    from sila_daemon.ports.disk import FileStat
    from sila_daemon.store.blobs import BlobName
    from sila_daemon.store.static_looks import StaticLook

_sort_out = StaticChecks.sort_out
_due = StaticDirectories._due
_upload_one = FileUploads._upload_one
_send_small = PackTransport.send_small


def _named_before_synced(writer: BlobWriter, target: Path) -> None:
    writer._disk.rename(writer._temporary, target)
    writer._disk.sync_dir(target.parent)
    writer._file.sync()
    writer._file.close()
    writer._is_open = False


def _taken_for_durable(_: UnsureFiles, file: object, key: str) -> None:
    pass


async def _settled_when_sent(files: FileUploads, local: LocalBlob) -> None:
    if local.blob.kind == STATIC:
        await files._blobs.settle(files._layer, local)
    await _upload_one(files, local)


async def _not_kept(files: OvertakenFiles, local: LocalBlob, server: str) -> bool:
    row = (local.blob.name, local.sha256, local.size, server, 0)

    def note(connection: apsw.Connection) -> None:  # Or it would be fetched from the server again.
        connection.execute("INSERT OR IGNORE INTO file_conflict VALUES (?, ?, ?, ?, ?)", row)

    await files.conflicts._database.write(note)
    return True


async def _settled_whatever_is_said(
    packs: PackTransport, files: Sequence[LocalBlob]
) -> Sequence[LocalBlob]:
    with suppress(RemoteError):
        await _send_small(packs, files)
    return files


async def _goes_on_elsewhere_unverified(
    transport: FileTransport, blob: BlobName, offset: int
) -> Brought:
    """Goes on a byte too far, and gives what came its name without a look at it."""
    local, path = transport._local, transport._parts.path(blob.name)
    async with transport._api.get(blob, offset + 1) as response:
        await transport._parts.take(blob.name, response.chunks(), offset)
    disk, target = local._ports.disk, static_path(local._files_dir, blob.name)
    make_dirs(disk, target.parent)
    with disk.open_append(path) as file:
        file.sync()
        found = LocalBlob(blob, file.size(), blob.name)
    disk.rename(path, target)
    disk.sync_dir(target.parent)
    await local._blobs.arrived([found], source=transport._layer)
    return Brought(found, None)


def _under_its_final_name(parts: PartialFiles, blob_hash: str) -> Path:
    target = static_path(FOLDER_FILES, blob_hash)
    make_dirs(parts._ports.disk, target.parent)
    return target


async def _fetched_when_asked_for(fetches: FileFetches, layers: Layers, blob: BlobName) -> None:
    """Leaves it to the next look at the server."""


def _wants_the_large_ones(policy: FetchPolicy, size: int | None) -> bool:
    return size is None or size <= (policy.up_to_bytes or 0)


def _taken_by_name(
    checks: StaticChecks,
    directories: Collection[str],
    listed: Mapping[str, FileStat],
    _: Mapping[str, StaticLook],
) -> dict[BlobName, LocalBlob]:
    looks = {name: look_of(stat, is_right=True) for name, stat in listed.items()}
    return _sort_out(checks, directories, listed, looks)


def _lists_once(directories: StaticDirectories, wanted: Collection[str] | None) -> Due:
    """Takes it that directories keep the names that they had at first, and never looks again."""
    due = _due(directories, wanted)
    return replace(due, names=[]) if directories._known else due


def _waits_for_ever(checks: StaticChecks, wanted: Iterable[BlobName]) -> list[BlobName]:
    """Goes on waiting for a tool to bring what is missing."""
    return list(wanted) if checks.carrier is None else []


def _no_problem(_: Grant, __: float) -> None:
    return None


def _goes_at_once(*_: object) -> float:
    return 0.0


FILES: dict[str, Mutant] = {
    "carried_files_do_not_wait": Mutant(
        CarriedFiles, "wait_s", _goes_at_once, file_plans.CROSSING_CONTENTS
    ),
    "contents_of_others_taken_for_durable": Mutant(
        UnsureFiles, "sync", _taken_for_durable, file_plans.CONTENTS_AND_POWER_CUTS
    ),
    "blob_renamed_before_sync": Mutant(
        BlobWriter, "_name", _named_before_synced, file_plans.FILES_AND_POWER_CUTS
    ),
    "file_debt_dropped_on_send": Mutant(
        FileUploads, "_upload_one", _settled_when_sent, file_plans.FILES_AND_SERVER_KILLS
    ),
    "files_awaited_for_ever": Mutant(
        StaticChecks, "_not_awaited", _waits_for_ever, plans.FILES_FROM_ELSEWHERE
    ),
    "directories_of_files_listed_once": Mutant(
        StaticDirectories, "_due", _lists_once, plans.UNHEARD_FILES
    ),
    "files_taken_by_their_names": Mutant(StaticChecks, "sort_out", _taken_by_name, plans.CUT_FILES),
    "overtaken_content_thrown_away": Mutant(
        OvertakenFiles, "_put_beside", _not_kept, file_plans.FILE_IN_TWO_PLACES
    ),
    "answered_before_it_is_fetched": Mutant(
        FileFetches, "_fetch", _fetched_when_asked_for, plans.FILES_ON_DEMAND
    ),
    "pack_settled_whatever_is_said": Mutant(
        PackTransport, "send_small", _settled_whatever_is_said, file_plans.PACKS_THAT_BREAK_OFF
    ),
    "resumed_without_verifying": Mutant(
        FileTransport,
        "_bring_rest",
        _goes_on_elsewhere_unverified,
        file_plans.LARGE_FILES_THAT_BREAK_OFF,
    ),
    "part_under_its_final_name": Mutant(
        PartialFiles, "path", _under_its_final_name, file_plans.LARGE_FILES_THAT_BREAK_OFF
    ),
    "policy_upside_down": Mutant(
        FetchPolicy, "is_too_large", _wants_the_large_ones, plans.SMALL_FILES_ONLY
    ),
    "rights_checked_only_at_connect": Mutant(Grant, "problem", _no_problem, plans.SHORT_TOKENS),
}
