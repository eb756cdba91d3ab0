"""One blob on its way in.

Bytes are hashed while they are written, to a temporary name beside the two trees; they get their
real name only when all of them are on stable storage, so a name is never half-filled.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from sila_daemon.core import ids
from sila_daemon.core.errors import CorruptBlobError
from sila_daemon.folder.layout import static_path, var_path
from sila_daemon.folder.problems import storage_errors
from sila_daemon.folder.unsure_files import var_key
from sila_daemon.ports.disk import EntryKind

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from sila_daemon.folder.blob_directories import BlobDirectories
    from sila_daemon.folder.unsure_files import UnsureFiles
    from sila_daemon.ports.disk import Disk, ReadableFile

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, order=True)
class StaticBlob:
    """An immutable file."""

    hash: str
    size: int


@dataclass(frozen=True, slots=True, order=True)
class VarBlob:
    """A mutable file as it was at one moment."""

    id: str
    size: int
    sha256: str


class BlobWriter:
    """One blob on its way in; leaving the context without finishing drops it."""

    def __init__(
        self,
        files_dir: Path,
        disk: Disk,
        temporary: Path,
        directories: BlobDirectories,
        unsure: UnsureFiles,
    ) -> None:
        self._files_dir = files_dir
        self._disk = disk
        self._directories = directories
        self._unsure = unsure
        self._temporary = temporary
        self._file = disk.create(temporary)
        self._digest = hashlib.sha256()
        self._is_open = True
        self.size = 0
        """Bytes taken so far."""
        self._synced_bytes = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.abort()

    def write(self, chunk: bytes) -> None:
        """Takes more bytes. Raises StorageError."""
        with storage_errors("write a file"):
            self._file.write(chunk)
        self._digest.update(chunk)
        self.size += len(chunk)

    @property
    def sha256(self) -> str:
        """The SHA-256 of the bytes taken so far."""
        return self._digest.hexdigest()

    def sync(self) -> None:
        """Makes the bytes durable, before they have a name: giving it takes no time then."""
        with storage_errors("store a file"):
            self._file.sync()
        self._synced_bytes = self.size

    def finish_static(self, expected_hash: str | None = None) -> StaticBlob:
        """Gives the bytes their name, durably. Raises CorruptBlobError for an unexpected hash.

        What is there already under that name stays when it is right, and no sync of it failed;
        else it is replaced.
        """
        blob, directory = self.place_static(expected_hash)
        with storage_errors(f"store the file {blob.hash}"):
            self._unsure.sync_names(directory, (blob.hash,))
        return blob

    def place_static(self, expected_hash: str | None = None) -> tuple[StaticBlob, Path]:
        """Does the same, and leaves the names in the directory that it returns to the caller.

        It makes them durable with `BlobFolder.unsure.sync_names`.
        """
        blob = StaticBlob(self._digest.hexdigest(), self.size)
        if expected_hash is not None and ids.checked_hash(expected_hash) != blob.hash:
            raise other_bytes(expected_hash, blob.hash)
        target = static_path(self._files_dir, blob.hash)
        with storage_errors(f"store the file {blob.hash}"):
            self._directories.make(target.parent)
            if blob.hash not in self._unsure and self._is_there(target, blob):
                self.abort()
                self._unsure.sync_found(target, blob.hash)
            else:
                self._name(target)
                self._unsure.written(blob.hash)
        return blob, target.parent

    def finish_var(self, uuid: str) -> VarBlob:
        """Gives the bytes the name of a mutable file, over what it was before."""
        bare = ids.checked_uuid(uuid)
        target = var_path(self._files_dir, bare)
        with storage_errors(f"store the file {bare}"):
            self._directories.make(target.parent)
            self._name(target)
            blob = VarBlob(bare, self.size, self._digest.hexdigest())
            self._unsure.written(var_key(bare))
            self._unsure.sync_names(target.parent, (var_key(bare),))
        return blob

    def abort(self) -> None:
        """Drops the bytes unless they have their name; never raises StorageError."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            self._file.close()
        finally:
            with suppress(OSError):
                self._disk.unlink(self._temporary)

    def _is_there(self, target: Path, blob: StaticBlob) -> bool:
        found = self._disk.stat(target)
        if found is None or found.kind is not EntryKind.FILE or found.size != blob.size:
            return False
        with self._disk.open_read(target) as file:
            return digest(file)[1] == blob.hash

    def _name(self, target: Path) -> None:
        if self._synced_bytes != self.size:
            self._file.sync()
        self._file.close()
        self._is_open = False
        try:
            self._disk.rename(self._temporary, target)
        except OSError:
            with suppress(OSError):
                self._disk.unlink(self._temporary)
            raise


def other_bytes(expected_hash: str, found: str) -> CorruptBlobError:
    """Makes the error of bytes that are not those of their name."""
    return CorruptBlobError(
        f"expected the SHA-256 {expected_hash}, got {found}",
        hint="The bytes were damaged on the way: send them again.",
    )


def digest(file: ReadableFile) -> tuple[int, str]:
    """Reads a file whole and returns its size and its SHA-256. Raises OSError."""
    found = hashlib.sha256()
    offset = 0
    while chunk := file.read_at(offset, CHUNK_BYTES):
        found.update(chunk)
        offset += len(chunk)
    return offset, found.hexdigest()
