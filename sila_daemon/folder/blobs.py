"""Blobs: immutable files named by their SHA-256, mutable ones named by a UUID.

Used for space folders and for the server's files, which are laid out the same way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.core import ids
from sila_daemon.core.errors import CorruptBlobError, InvalidIdError, NotFoundError, StorageError
from sila_daemon.folder.blob_directories import BlobDirectories
from sila_daemon.folder.blob_listing import BlobListing, is_conflict_copy
from sila_daemon.folder.blob_writer import (
    CHUNK_BYTES,
    BlobWriter,
    StaticBlob,
    VarBlob,
    digest,
    other_bytes,
)
from sila_daemon.folder.layout import static_path, var_path
from sila_daemon.folder.problems import Problem, storage_errors
from sila_daemon.folder.unsure_files import UnsureFiles, var_key
from sila_daemon.ports.disk import Disk, EntryKind, FileStat, ReadableFile
from sila_daemon.ports.durable_files import remove_temporaries, temporary_name

if TYPE_CHECKING:
    from sila_daemon.ports.randomness import Randomness

STATIC_PLACE = Path("static", "sha256")
"""Where immutable files are, below `files`."""


class BlobFolder:
    """The blobs below one `files` directory; holds nothing open."""

    def __init__(
        self,
        files_dir: Path,
        disk: Disk,
        randomness: Randomness,
        *,
        unsure_dir: Path | None = None,
    ) -> None:
        """`unsure_dir`, which is used for nothing else, remembers failed syncs past this process.

        Who stores files once and goes on to nothing else after an error, as a command, needs none.
        """
        self._files_dir = files_dir
        self.disk = disk
        self._randomness = randomness
        self._directories = BlobDirectories(files_dir, disk)
        self.unsure = UnsureFiles(disk, unsure_dir)
        self.naming_var = threading.RLock()
        """Held from a look at a mutable file on until another content has its name."""

    def writer(self, *, is_place_made: bool = False) -> BlobWriter:
        """Begins a new blob; use it as a context manager. Raises StorageError.

        With `is_place_made` one was begun just before: no directory is made.
        """
        with storage_errors("begin a file"):
            if not is_place_made:
                self._directories.make_top()
            temporary = self._files_dir / temporary_name(self._randomness, "sila-")
            return BlobWriter(self._files_dir, self.disk, temporary, self._directories, self.unsure)

    def put_static(self, chunks: Iterable[bytes], expected_hash: str | None = None) -> StaticBlob:
        """Stores an immutable file. Raises CorruptBlobError for a hash that is not expected."""
        with self.writer() as writer:
            for chunk in chunks:
                writer.write(chunk)
            return writer.finish_static(expected_hash)

    def put_var(self, uuid: str, chunks: Iterable[bytes]) -> VarBlob:
        """Stores a mutable file, or replaces it atomically."""
        ids.checked_uuid(uuid)
        with self.writer() as writer:
            for chunk in chunks:
                writer.write(chunk)
            return writer.finish_var(uuid)

    def adopt_static(
        self, source: Path, expected_hash: str, *, is_sound: bool = True
    ) -> StaticBlob:
        """Makes a blob of a file that is complete, elsewhere on the same disk.

        It is copied, and removed then, unless it `is_sound`: no write or sync of it failed, in no
        process. Raises CorruptBlobError when its bytes are not those expected; it then stays as it
        is.
        """
        target = static_path(self._files_dir, ids.checked_hash(expected_hash))
        with storage_errors(f"store the file {expected_hash}"):
            if not is_sound or expected_hash in self.unsure:
                blob = _put_copy(self, self.disk.open_read(source), expected_hash)
                self.disk.unlink(source)
                self.disk.sync_dir(source.parent)
                return blob
            with self.disk.open_append(source) as written:
                self.unsure.sync(written, expected_hash)
            with self.disk.open_read(source) as file:
                size, found = digest(file)
            if found != expected_hash:
                raise other_bytes(expected_hash, found)
            self._directories.make(target.parent)
            self.disk.rename(source, target)
            self.unsure.sync_names(target.parent, (expected_hash,))
            self.disk.sync_dir(source.parent)
        return StaticBlob(found, size)

    def has_static(self, blob_hash: str) -> bool:
        """Tells whether a file of that name is here; its bytes are not looked at."""
        return self.static_stat(blob_hash) is not None

    def open_static(self, blob_hash: str) -> ReadableFile:
        """Opens an immutable file. Raises NotFoundError, StorageError."""
        return _opened(self.disk, static_path(self._files_dir, blob_hash), blob_hash)

    def has_var(self, uuid: str) -> bool:
        """Tells whether a mutable file is here."""
        return _file_stat(self.disk, var_path(self._files_dir, uuid)) is not None

    def open_var(self, uuid: str) -> ReadableFile:
        """Opens a mutable file as it is now. Raises NotFoundError, StorageError."""
        return _opened(self.disk, var_path(self._files_dir, uuid), uuid)

    def check_static(self, blob_hash: str) -> int:
        """Reads an immutable file whole and returns its size. Raises CorruptBlobError."""
        with self.open_static(blob_hash) as file, storage_errors(f"read the file {blob_hash}"):
            size, found = digest(file)
        if found != blob_hash:
            raise CorruptBlobError(
                f"the bytes of file {blob_hash} have another SHA-256: {found}",
                hint="Bring the file back from another copy of the space.",
            )
        return size

    def stat_var(self, uuid: str) -> VarBlob:
        """Reads a mutable file whole and returns its facts. Raises NotFoundError."""
        with self.open_var(uuid) as file, storage_errors(f"read the file {uuid}"):
            size, found = digest(file)
        return VarBlob(ids.checked_uuid(uuid), size, found)

    def delete_static(self, blob_hash: str) -> None:
        """Removes an immutable file; no error when it is gone. Raises StorageError."""
        with storage_errors(f"remove the file {blob_hash}"):
            self.disk.unlink(static_path(self._files_dir, blob_hash))

    def delete_var(self, uuid: str) -> None:
        """Removes a mutable file; no error when it is gone. Raises StorageError."""
        with storage_errors(f"remove the file {uuid}"):
            self.disk.unlink(var_path(self._files_dir, uuid))

    def list_static(self, problems: list[Problem] | None = None) -> Iterator[StaticBlob]:
        """Yields immutable files by hash; what is in the way goes to `problems`."""
        for name, stat in self.static_stats(problems):
            yield StaticBlob(name, stat.size)

    def static_stats(self, problems: list[Problem] | None = None) -> Iterator[tuple[str, FileStat]]:
        """Yields immutable files by hash, as they are now; their bytes are not looked at."""
        listing = BlobListing(self._files_dir, self.disk, [] if problems is None else problems)
        for name in listing.names(STATIC_PLACE, ids.is_hash, is_conflict_copy):
            stat = self.static_stat(name)
            if stat is not None:
                yield name, stat

    def static_stat(self, blob_hash: str) -> FileStat | None:
        """Returns what an immutable file is now; None when it is not here. Raises StorageError."""
        return _file_stat(self.disk, static_path(self._files_dir, blob_hash))

    def make_static_durable(self, *hashes: str) -> None:
        """Returns when immutable files, whoever wrote them, are durable. Raises StorageError.

        The caller knows that they are right. After that error, those that it was about are
        written anew, and are other files then, when they are given again.
        """
        directories: dict[Path, list[str]] = {}
        for blob_hash in hashes:
            if blob_hash in self.unsure:
                _put_copy(self, self.open_static(blob_hash), blob_hash)
                continue
            path = static_path(self._files_dir, blob_hash)
            directories.setdefault(path.parent, []).append(blob_hash)
            with storage_errors(f"store the file {blob_hash}"):
                self.unsure.sync_found(path, blob_hash)
        with storage_errors("store files"):
            for directory, names in directories.items():
                self.unsure.sync_names(directory, names)
            self._directories.settle(directories)

    def make_var_durable(self, found: VarBlob) -> None:
        """Returns when a mutable file, whoever wrote it, is durable as it was just read.

        Who counts on a content that a power cut takes back would take the former one for a newer.
        Raises NotFoundError when it is gone, StorageError, with code `changed` when it is another
        one by now. After a sync that failed it is written anew when it is given again.
        """
        path, key = var_path(self._files_dir, found.id), var_key(found.id)
        with storage_errors(f"store the file {found.id}"):
            try:
                if key in self.unsure:
                    self.unsure.sync_names(path.parent, (key,))  # Else a copy is of no use.
                    _put_var_copy(self, path, found)
                    return
                self.unsure.sync_found(path, key)
            except FileNotFoundError:
                raise _missing(found.id) from None
            self.unsure.sync_names(path.parent, (key,))
            self._directories.settle((path.parent,))

    def list_var(self, problems: list[Problem] | None = None) -> Iterator[str]:
        """Yields the UUIDs of mutable files, sorted; what is in the way goes to `problems`."""
        listing = BlobListing(self._files_dir, self.disk, [] if problems is None else problems)
        return listing.names(Path("var", "uuid"), _is_uuid)

    def remove_leftovers(self, before_ns: int) -> int:
        """Removes temporary files last written before a moment (Unix ns); returns how many.

        A crash leaves them behind. Nobody else makes names like these.
        """
        with storage_errors("remove leftover temporary files"):
            return remove_temporaries(self.disk, self._files_dir, before_ns)


def keep_var(folder: BlobFolder, uuid: str, file: ReadableFile) -> None:
    """Returns when a mutable file is durable, and not as it was before `file` was read.

    `file` is open still, and may have another one in its place by now. Raises what
    `BlobFolder.make_var_durable` raises.
    """
    path, key = var_path(folder._files_dir, uuid), var_key(uuid)
    if key in folder.unsure:
        folder.make_var_durable(folder.stat_var(uuid))
        return
    with storage_errors(f"store the file {uuid}"):
        folder.unsure.sync(file, key)
        there = folder.disk.stat(path)
        if there is not None and there.identity != file.stat().identity:
            folder.unsure.sync_found(path, key)
        folder.unsure.sync_names(path.parent, (key,))


def _put_copy(folder: BlobFolder, file: ReadableFile, blob_hash: str) -> StaticBlob:
    """Puts the bytes of a file, which is closed then, in their place by another file."""
    with file, folder.writer() as writer, storage_errors(f"store the file {blob_hash}"):
        _copy(file, writer)
        return writer.finish_static(blob_hash)


def _put_var_copy(folder: BlobFolder, path: Path, found: VarBlob) -> None:
    with folder.disk.open_read(path) as file, folder.writer() as writer:
        before = file.stat()
        _copy(file, writer)
        writer.sync()  # Before: between the look at what is there and its end nothing takes long.
        with folder.naming_var:
            if writer.sha256 == found.sha256 and folder.disk.stat(path) == before:
                writer.finish_var(found.id)
                return
    message = f"cannot store the file {found.id}: somebody else writes it"
    raise StorageError(message, code="changed")


def _copy(file: ReadableFile, writer: BlobWriter) -> None:
    while chunk := file.read_at(writer.size, CHUNK_BYTES):
        writer.write(chunk)


def _opened(disk: Disk, path: Path, name: str) -> ReadableFile:
    if _file_stat(disk, path) is None:
        raise _missing(name)
    with storage_errors(f"open the file {name}"):
        return disk.open_read(path)


def _missing(name: str) -> NotFoundError:
    return NotFoundError(f"the file {name} is not here", code="blob_missing")


def _file_stat(disk: Disk, path: Path) -> FileStat | None:
    with storage_errors("look for a file"):
        found = disk.stat(path)
    return found if found is not None and found.kind is EntryKind.FILE else None


def _is_uuid(text: object) -> bool:
    try:
        return ids.checked_uuid(text) == text
    except InvalidIdError:
        return False
