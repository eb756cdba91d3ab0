"""Reads immutable files and holds their bytes against their names; blocking, for workers."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from sila_daemon.core.errors import SilaError, StorageError
from sila_daemon.folder.problems import storage_errors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sila_daemon.folder.blobs import BlobFolder
    from sila_daemon.ports.disk import FileStat, ReadableFile

STEP_BYTES = 8 << 20
"""A worker reads so much of a file and is free for others."""


class Found(NamedTuple):
    """What one file turned out to be."""

    name: str
    stat: FileStat
    is_right: bool


class Reading:
    """One file that is being read, a step at a time; blocking, for worker threads."""

    def __init__(self, name: str, file: ReadableFile) -> None:
        self.file = file
        self.found: Found | None = None
        """What the file turned out to be, once it was read to its end."""
        self._name = name
        self._digest = hashlib.sha256()
        self._offset = 0

    @classmethod
    def begun(cls, folder: BlobFolder, name: str) -> Reading:
        """Opens a file and takes the first step, which is the last one of a small file."""
        reading = cls(name, folder.open_static(name))
        try:
            reading.step()
        except BaseException:
            reading.file.close()
            raise
        return reading

    def step(self) -> None:
        """Reads on. Raises StorageError."""
        with storage_errors(f"read the file {self._name}"):
            data = self.file.read_at(self._offset, STEP_BYTES)
            self._digest.update(data)
            self._offset += len(data)
            if len(data) < STEP_BYTES:
                stat = self.file.stat()
                is_right = self._digest.hexdigest() == self._name and stat.size == self._offset
                self.found = Found(self._name, stat, is_right)


def read_small(folder: BlobFolder, names: Iterable[str]) -> dict[str, Found | SilaError]:
    """Reads files that take one step, and makes those durable that are right, together.

    Leaves out what is longer, and what could not be made durable together. What that failed for
    is written anew when it is asked for again: the folder remembers it.
    """
    outcomes: dict[str, Found | SilaError] = {}
    for name in names:
        try:
            reading = Reading.begun(folder, name)
        except SilaError as error:
            outcomes[name] = error
            continue
        reading.file.close()
        if reading.found is not None:
            outcomes[name] = reading.found
    right = [name for name, one in outcomes.items() if isinstance(one, Found) and one.is_right]
    try:
        folder.make_static_durable(*right)
    except StorageError:
        return {name: one for name, one in outcomes.items() if name not in right}
    return outcomes
