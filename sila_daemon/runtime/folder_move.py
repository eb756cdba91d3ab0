"""Moving the folder of a space, or giving one to a space that has none.

Nothing is ever half-moved: a folder is renamed as a whole or not at all, and files that were
beside the store are copied before anything refers to their new place.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from sila_daemon.core.errors import NotFoundError, ProtectionError
from sila_daemon.folder.blob_writer import CHUNK_BYTES
from sila_daemon.folder.blobs import BlobFolder
from sila_daemon.folder.layout import SpaceLayout
from sila_daemon.folder.problems import storage_errors
from sila_daemon.folder.space_folder import SpaceFolder, create_space_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sila_daemon.ports.disk import Disk, ReadableFile
    from sila_daemon.ports.randomness import Randomness


def move_folder(disk: Disk, space_id: str, old: Path, new: Path) -> None:
    """Renames a folder, or finds that somebody has done so already.

    Raises ProtectionError when something else is in the way, NotFoundError, StorageError.
    """
    with storage_errors(f"look at {new}"):
        is_there, is_taken = disk.stat(old) is not None, disk.stat(new) is not None
    if not is_there and not is_taken:
        raise NotFoundError(f"there is no folder at {old}, and none at {new}")
    if is_taken and not is_there:
        found = SpaceFolder.open(new, disk).space_id
        if found != space_id:
            raise ProtectionError(f"{new} holds another space: {found}", code="other_space")
        return
    if is_taken:
        raise ProtectionError(
            f"{new} is there already",
            code="exists",
            hint=f"name a place that is free; if it is a copy, move {old} away first",
        )
    if new.is_relative_to(old):
        raise ProtectionError(f"{new} is inside the folder that is to be moved", code="exists")
    with storage_errors(f"move {old} to {new}"):
        try:
            disk.rename(old, new)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            raise ProtectionError(
                f"{new} is on another file system",
                code="not_supported",
                hint="copy the folder there, check it with sila-daemon space verify, "
                "move the old one away, and say this again",
            ) from error
        disk.sync_dir(new.parent)
        disk.sync_dir(old.parent)


def give_folder(
    disk: Disk, randomness: Randomness, space_id: str, files_dir: Path, new: Path
) -> None:
    """Makes a folder for a space that had none, with the files that stood in `files_dir`.

    Raises ProtectionError when something is there, StorageError; it can be repeated.
    """
    create_space_folder(new, disk, randomness, space_id)
    here = BlobFolder(files_dir, disk, randomness)
    there = BlobFolder(SpaceLayout(new).files_dir, disk, randomness)
    for static in here.list_static():
        with here.open_static(static.hash) as file:
            there.put_static(_chunks(file), static.hash)
    for uuid in here.list_var():
        with here.open_var(uuid) as file:
            there.put_var(uuid, _chunks(file))


def _chunks(file: ReadableFile) -> Iterator[bytes]:
    offset = 0
    while chunk := file.read_at(offset, CHUNK_BYTES):
        yield chunk
        offset += len(chunk)
