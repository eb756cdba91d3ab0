"""A space folder as one zip file, and back.

Writing: only regular files of the format, sorted, with fixed dates, streamed; blobs are stored,
everything else is deflated. Reading treats the archive as hostile (see `zip_check`), counts what
it unpacks and checks the SHA-256 of every blob. All of it lands in a fresh directory beside the
target, which gets its name at the very end.
"""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, cast

from sila_daemon.core import ids
from sila_daemon.core.errors import FormatError, ProtectionError
from sila_daemon.folder.blobs import BlobFolder
from sila_daemon.folder.layout import SpaceLayout, static_path, var_path
from sila_daemon.folder.problems import Problem, printable, storage_errors
from sila_daemon.folder.space_folder import SpaceFolder
from sila_daemon.folder.zip_check import (
    ArchiveContents,
    ArchiveEntry,
    ImportLimits,
    check_directory_size,
    check_entries,
    is_safe_name,
)
from sila_daemon.ports.disk import Disk, EntryKind, make_dirs
from sila_daemon.ports.durable_files import temporary_name

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.ports.disk import ReadableFile, WritableFile
    from sila_daemon.ports.randomness import Randomness

Progress = Callable[[int, int], None]
"""Is told how many files are done, and of how many."""

_COPY_BYTES = 1 << 20
_ZIP64_BYTES = 1 << 30
_EPOCH = (1980, 1, 1, 0, 0, 0)
_BLOBS_PREFIX = "space-v1/files/"


@dataclass(slots=True)
class ArchiveSummary:
    """What was packed or unpacked."""

    space_id: str | None
    file_count: int = 0
    byte_count: int = 0
    """Unpacked."""
    problems: list[Problem] = field(default_factory=list)
    """What was left out, and why."""


def export_space(
    folder: SpaceFolder,
    target: Path,
    randomness: Randomness,
    *,
    replace: bool = False,
    on_progress: Progress = lambda _done, _total: None,
) -> ArchiveSummary:
    """Writes a space folder into a new zip file, whole or not at all.

    Raises ProtectionError when `target` exists and may not be replaced, StorageError.
    """
    disk = folder.disk
    with storage_errors(f"write {target}"):
        if disk.stat(target) is not None and not replace:
            raise ProtectionError(
                f"{target} exists already",
                code="exists",
                hint="Choose another name, or pass --force to replace it.",
            )
        temporary = target.with_name(temporary_name(randomness))
        try:
            with disk.create(temporary) as file:
                sink = cast("BinaryIO", _Sink(file))
                summary = write_archive(folder, sink, randomness, on_progress=on_progress)
                file.sync()
            disk.rename(temporary, target)
        except BaseException:
            with suppress(OSError):
                disk.unlink(temporary)
            raise
        disk.sync_dir(target.parent)
    return summary


def write_archive(
    folder: SpaceFolder,
    sink: BinaryIO,
    randomness: Randomness,
    *,
    on_progress: Progress = lambda _done, _total: None,
) -> ArchiveSummary:
    """Writes a space folder as a zip stream; `sink` need not be seekable. Raises OSError."""
    summary = ArchiveSummary(folder.space_id)
    names = _names_of(folder, randomness, summary.problems)
    with zipfile.ZipFile(sink, "w") as archive:
        for done, name in enumerate(names):
            on_progress(done, len(names))
            with folder.disk.open_read(folder.layout.root / name) as file:
                summary.byte_count += _pack(archive, name, file)
            summary.file_count += 1
    return summary


def _names_of(folder: SpaceFolder, randomness: Randomness, problems: list[Problem]) -> list[str]:
    """Returns the paths of all files of the format, sorted."""
    layout, disk = folder.layout, folder.disk
    scan = folder.scan()
    problems += scan.problems
    names = []
    for file in scan.files:
        if is_safe_name(file.relative):
            names.append(file.relative)
        else:
            message = "the name would not be unpacked everywhere: left out"
            problems.append(Problem(printable(file.relative), None, "bad_id", message))
    for path in (layout.marker, layout.legacy_marker, layout.space_json, layout.secrets):
        found = disk.stat(path)
        if found is not None and found.kind is EntryKind.FILE:
            names.append(layout.relative(path))
    blobs = BlobFolder(layout.files_dir, disk, randomness)
    files_dir = layout.files_dir
    paths = [static_path(files_dir, blob.hash) for blob in blobs.list_static(problems)]
    paths += [var_path(files_dir, uuid) for uuid in blobs.list_var(problems)]
    return sorted(names + [layout.relative(path) for path in paths])


def _pack(archive: zipfile.ZipFile, name: str, file: ReadableFile) -> int:
    """Packs a file as large as it is now; what is appended meanwhile waits for the next time."""
    size = file.stat().size
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system = 3
    info.external_attr = (stat.S_IFREG | 0o600) << 16
    is_blob = name.startswith(_BLOBS_PREFIX)
    info.compress_type = zipfile.ZIP_STORED if is_blob else zipfile.ZIP_DEFLATED
    offset = 0
    with archive.open(info, "w", force_zip64=size >= _ZIP64_BYTES) as entry:
        while offset < size:
            chunk = file.read_at(offset, min(_COPY_BYTES, size - offset))
            if not chunk:
                break
            entry.write(chunk)
            offset += len(chunk)
    return offset


def import_space(
    source: Path,
    target: Path,
    disk: Disk,
    randomness: Randomness,
    discard: Callable[[Path], None],
    *,
    limits: ImportLimits | None = None,
    on_progress: Progress = lambda _done, _total: None,
) -> ArchiveSummary:
    """Unpacks an archive into a folder that is not there yet, whole or not at all.

    `discard` removes a directory with everything in it. Raises FormatError for an archive that
    is not one of a space or is damaged, ProtectionError, StorageError.
    """
    with storage_errors(f"unpack {source}"):
        _require_absent(disk, target)
        with disk.open_read(source) as file:
            size = file.stat().size
            raw = cast("BinaryIO", io.BufferedReader(_Source(file, size), _COPY_BYTES))
            with _archive_errors(source):
                check_directory_size(raw, size, limits or ImportLimits())
                with zipfile.ZipFile(raw) as archive:
                    contents = check_entries(archive, raw, limits or ImportLimits())
                    make_dirs(disk, target.parent)
                    staging = target.with_name(f".{randomness.token(8).hex()}.importing")
                    try:
                        summary = _unpack(archive, contents, staging, disk, on_progress)
                        disk.rename(staging, target)
                    except BaseException:
                        discard(staging)
                        raise
        disk.sync_dir(target.parent)
    return summary


def _require_absent(disk: Disk, target: Path) -> None:
    found = disk.stat(target)
    if found is None or (found.kind is EntryKind.DIRECTORY and not disk.list_dir(target)):
        return
    raise ProtectionError(
        f"{target} exists already and is not empty",
        code="exists",
        hint="Choose a path that does not exist yet; importing never overwrites anything.",
    )


def _unpack(
    archive: zipfile.ZipFile,
    contents: ArchiveContents,
    staging: Path,
    disk: Disk,
    on_progress: Progress,
) -> ArchiveSummary:
    disk.make_dir(staging)
    directories = {staging}
    summary = ArchiveSummary(None)
    for done, entry in enumerate(contents.entries):
        on_progress(done, len(contents.entries))
        path = staging / entry.name
        for parent in reversed(path.relative_to(staging).parents):
            directory = staging / parent
            if directory not in directories:
                disk.make_dir(directory)
                directories.add(directory)
        with disk.create(path) as file:
            summary.byte_count += _unpack_entry(archive, entry, file)
            file.sync()
        summary.file_count += 1
    layout = SpaceLayout(staging)
    for directory in (
        layout.ops_dir,
        layout.files_dir / "static" / "sha256",
        layout.files_dir / "var" / "uuid",
    ):
        make_dirs(disk, directory)
    for directory in directories:
        disk.sync_dir(directory)
    folder = SpaceFolder.open(staging, disk)
    if folder.space_id is None:
        reason = folder.problems[-1].message
        raise FormatError(f"no space id in the archive: {reason}", code="bad_archive")
    summary.space_id = folder.space_id
    summary.problems += [
        Problem(printable(name), None, "passed_over", "not a file of the format: left out")
        for name in contents.passed_over
    ]
    return summary


def _unpack_entry(archive: zipfile.ZipFile, entry: ArchiveEntry, file: WritableFile) -> int:
    digest = hashlib.sha256()
    count = 0
    with archive.open(entry.info) as source:
        while chunk := source.read(_COPY_BYTES):
            count += len(chunk)
            if count > entry.info.file_size:
                raise FormatError(f"{entry.name} is larger than it says", code="bad_archive")
            digest.update(chunk)
            file.write(chunk)
    if count != entry.info.file_size:
        raise FormatError(f"{entry.name} is smaller than it says", code="bad_archive")
    if entry.blob_hash is not None and digest.hexdigest() != entry.blob_hash:
        raise FormatError(f"{entry.name} has another SHA-256 than its name", code="corrupt_blob")
    return count


@contextmanager
def _archive_errors(source: Path) -> Iterator[None]:
    """Turns what zipfile raises for damaged archives into FormatError."""
    try:
        yield
    except FormatError as error:
        message = f"{ids.shortened(str(source), 200)}: {error.message}"
        raise FormatError(message, code=error.code, hint=_HINT) from error
    # NotImplementedError is zipfile's answer to what it cannot read: a later version of the
    # format, patches, strong encryption.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        message = f"{ids.shortened(str(source), 200)} is damaged: {error}"
        raise FormatError(message, code="bad_archive", hint=_HINT) from error


_HINT = "Nothing was imported. Get the archive again, or export the space anew."


class _Sink(io.RawIOBase):
    """A file of the disk port as zipfile wants to write to it: without positions."""

    def __init__(self, file: WritableFile) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        block = bytes(cast("bytes", data))
        self._file.write(block)
        return len(block)


class _Source(io.RawIOBase):
    """A file of the disk port as zipfile wants to read it."""

    def __init__(self, file: ReadableFile, size: int) -> None:
        self._file = file
        self._size = size
        self._offset = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._offset, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("before the beginning of the file")
        self._offset = base + offset
        return self._offset

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer)).cast("B")
        data = self._file.read_at(self._offset, min(len(view), _COPY_BYTES))
        view[: len(data)] = data
        self._offset += len(data)
        return len(data)
