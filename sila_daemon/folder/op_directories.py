"""Directories of op files, each made durable once for as long as it is the same one."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from sila_daemon.core.errors import InvalidIdError
from sila_daemon.ports.disk import EntryKind

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from sila_daemon.folder.layout import SpaceLayout
    from sila_daemon.ports.disk import Disk

_Identity = tuple[int, int]


class OpDirectories:
    """Makes directories below that of the ops; blocking, not for two threads at once.

    That one is there proves nothing: it may be the work of a process that was interrupted, and
    one that another program made in the place of ours is not ours.
    """

    def __init__(self, layout: SpaceLayout, disk: Disk) -> None:
        self._layout = layout
        self._disk = disk
        self._ways: dict[Path, list[Path]] = {}
        """Directories that were made, each with its way from that of the ops on."""
        self._durable: dict[Path, _Identity] = {}
        """What is known to be on stable storage in the directory above, while it is the same."""

    def knows(self, directory: Path) -> bool:
        """Tells whether a directory was made durable, without looking whether it still is."""
        way = self._ways.get(directory)
        return way is not None and all(path in self._durable for path in way)

    def forget(self, directory: Path) -> None:
        """Has a directory made durable anew, with the whole way to it."""
        for path in self._ways.pop(directory, ()):
            self._durable.pop(path, None)

    def make(self, directories: Collection[Path]) -> None:
        """Makes directories and the ways to them, with one sync for each directory above.

        Raises OSError, InvalidIdError for the first that cannot be; then those are known that are
        durable nevertheless.
        """
        self._require_space()
        made: dict[Path, _Identity | None] = {}
        try:
            for directory in directories:
                way = self._ways[directory] = self._way(directory)
                self._make_way(way, made)
        finally:
            self._sync(made)

    def require(self, directory: Path) -> None:
        """Makes a directory unless it is durable, and the same that it was. Raises like `make`.

        Looked at each time: a link that was put in the way since would lead out of the space, and
        a directory that another program made in the place of ours may not be durable.
        """
        self._require_space()
        way = self._ways.get(directory)
        if way is None or not all(self._is_durable(path) for path in way):
            self.make((directory,))

    def refuse_folded(self, path: Path) -> None:
        """Raises InvalidIdError where the file system takes one name for another."""
        if self._disk.stat(path) is None:
            return
        if all(entry.name != path.name for entry in self._disk.list_dir(path.parent)):
            raise InvalidIdError(
                f"{path.name} differs only in case from a name that is in use",
                code="id_differs_in_case",
            )

    def _require_space(self) -> None:
        """An unmounted disk has no such directory; making a folder there would hide it."""
        version_dir = self._disk.stat(self._layout.version_dir)
        if version_dir is None or version_dir.kind is not EntryKind.DIRECTORY:
            raise FileNotFoundError(errno.ENOENT, "the space's folder is not there")

    def _way(self, directory: Path) -> list[Path]:
        way = [directory]
        while way[-1] != self._layout.ops_dir:
            way.append(way[-1].parent)
        return way[::-1]

    def _make_way(self, way: list[Path], made: dict[Path, _Identity | None]) -> None:
        """Makes what is not durable of a way, and all below that."""
        is_durable = True
        for path in way:
            is_durable = is_durable and path not in made and self._is_durable(path)
            if not is_durable and path not in made:
                self._durable.pop(path, None)
                self.refuse_folded(path)
                self._disk.make_dir(path)
                found = self._disk.stat(path)
                made[path] = None if found is None else found.identity

    def _sync(self, made: dict[Path, _Identity | None]) -> None:
        """Makes names durable, those above first."""
        below: dict[Path, list[Path]] = {}
        for path in made:
            below.setdefault(path.parent, []).append(path)
        for above, paths in below.items():
            self._disk.sync_dir(above)
            for path in paths:
                identity = made[path]  # Looked up before: what takes its place is another.
                if identity is not None:
                    self._durable[path] = identity

    def _is_durable(self, path: Path) -> bool:
        found = self._disk.stat(path)
        if found is None or found.kind is not EntryKind.DIRECTORY:
            return False
        return found.identity == self._durable.get(path)
