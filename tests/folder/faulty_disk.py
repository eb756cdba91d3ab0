"""The real disk, failing at the N-th call: every step of a procedure gets its turn."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sila_daemon.ports.disk import (
    DirEntry,
    FileStat,
    ReadableFile,
    SystemDisk,
    WritableFile,
)

T = TypeVar("T")


class FaultyDisk:
    """Passes calls on and counts those that change something, with their names."""

    def __init__(self, fail_at: int = 0, error: int = 0) -> None:
        self._disk = SystemDisk()
        self._fail_at = fail_at
        self._error = error
        self.calls: list[str] = []
        self.has_failed = False
        self.opened_for_writing: list[Path] = []

    def _call(self, name: str, action: Callable[[], T]) -> T:
        self.calls.append(name)
        if len(self.calls) == self._fail_at:
            self.has_failed = True
            raise OSError(self._error, os.strerror(self._error))
        return action()

    def write(self, file: WritableFile, data: bytes) -> None:
        """Writes half of the data before it fails."""
        if len(self.calls) + 1 == self._fail_at:
            file.write(data[: len(data) // 2])
        self._call("write", lambda: file.write(data))

    def sync(self, file: WritableFile) -> None:
        """Syncs, or fails."""
        self._call("sync", file.sync)

    def stat(self, path: Path) -> FileStat | None:
        """Never fails."""
        return self._disk.stat(path)

    def list_dir(self, path: Path) -> list[DirEntry]:
        """Never fails."""
        return self._disk.list_dir(path)

    def list_stats(self, path: Path) -> list[tuple[str, FileStat]]:
        """Never fails."""
        return self._disk.list_stats(path)

    def open_read(self, path: Path) -> ReadableFile:
        """Never fails."""
        return self._disk.open_read(path)

    def open_append(self, path: Path) -> WritableFile:
        """Opens, or fails."""
        self.opened_for_writing.append(path)
        return self._call("open_append", lambda: _FaultyFile(self, self._disk.open_append(path)))

    def create(self, path: Path) -> WritableFile:
        """Creates, or fails."""
        self.opened_for_writing.append(path)
        return self._call("create", lambda: _FaultyFile(self, self._disk.create(path)))

    def make_dir(self, path: Path) -> None:
        """Creates a directory, or fails."""
        self._call("make_dir", lambda: self._disk.make_dir(path))

    def rename(self, source: Path, target: Path) -> None:
        """Renames, or fails."""
        self._call("rename", lambda: self._disk.rename(source, target))

    def unlink(self, path: Path) -> None:
        """Never fails: what cleans up after a fault is not faulted again."""
        self._disk.unlink(path)

    def remove_dir(self, path: Path) -> None:
        """Removes, or fails."""
        self._call("remove_dir", lambda: self._disk.remove_dir(path))

    def sync_dir(self, path: Path) -> None:
        """Syncs a directory, or fails."""
        self._call("sync_dir", lambda: self._disk.sync_dir(path))


class _FaultyFile:
    def __init__(self, disk: FaultyDisk, file: WritableFile) -> None:
        self._disk = disk
        self._file = file

    def write(self, data: bytes) -> None:
        self._disk.write(self._file, data)

    def sync(self) -> None:
        self._disk.sync(self._file)

    def size(self) -> int:
        return self._file.size()

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def until_it_completes(error: int, attempt: Callable[[FaultyDisk], None]) -> int:
    """Repeats `attempt` with the 1st, 2nd ... call failing until one sees no failure.

    Returns how many failed.
    """
    for fail_at in _counting():
        disk = FaultyDisk(fail_at, error)
        attempt(disk)
        if not disk.has_failed:
            return fail_at - 1
    raise AssertionError("unreachable")


def _counting() -> Iterator[int]:
    yield from range(1, 1000)
    raise AssertionError("a thousand calls and still not done")
