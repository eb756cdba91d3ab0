"""Folders of spaces: made with a new space, made empty for one to come, or looked into."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.core.errors import ProtectionError
from sila_daemon.folder.new_space import create_space
from sila_daemon.folder.root_name import name_in_files
from sila_daemon.folder.space_folder import SpaceFolder, create_space_folder
from sila_daemon.runtime.folder_move import give_folder, move_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from sila_daemon.mirror.record import MirrorPorts, SpaceRecord


class SpaceFolders:
    """The folders of spaces, before a mirror takes them over."""

    def __init__(self, ports: MirrorPorts, files_dir_of: Callable[[str], Path]) -> None:
        """`files_dir_of` tells where the files of a space without a folder are."""
        self._ports = ports
        self._files_dir_of = files_dir_of

    async def create(self, root: Path, name: str) -> str:
        """Makes a space in a new folder and returns its id. Raises ProtectionError."""
        ports = self._ports
        folder = await ports.workers.run(
            lambda: create_space(root, ports.disk, ports.clock, ports.randomness, name)
        )
        return _known_id(folder)

    async def create_empty(self, root: Path, space_id: str) -> None:
        """Makes a folder for a space whose ops are still to come. Raises ProtectionError."""
        ports = self._ports
        await ports.workers.run(
            lambda: create_space_folder(root, ports.disk, ports.randomness, space_id)
        )

    async def move(self, record: SpaceRecord, root: Path) -> None:
        """Moves the folder of a space that nobody works with, or gives it one.

        Raises ProtectionError, NotFoundError, StorageError; the old folder is then as it was.
        """
        ports, old, space_id = self._ports, record.path, record.id
        if old is not None:
            await ports.workers.run(lambda: move_folder(ports.disk, space_id, old, root))
            return
        files_dir = self._files_dir_of(space_id)
        await ports.workers.run(
            lambda: give_folder(ports.disk, ports.randomness, space_id, files_dir, root)
        )

    async def space_id(self, root: Path) -> str:
        """Returns the id of the space in a folder. Raises NotFoundError, FormatError."""
        ports = self._ports
        return _known_id(await ports.workers.run(lambda: SpaceFolder.open(root, ports.disk)))

    async def name(self, root: Path, space_id: str) -> str | None:
        """Returns the name that the space in a folder has; None when it has none."""
        disk = self._ports.disk

        def read() -> str | None:
            folder = SpaceFolder.open(root, disk)
            return name_in_files(folder, space_id, folder.scan().by_tree().get(space_id, []))

        return await self._ports.workers.run(read)


def _known_id(folder: SpaceFolder) -> str:
    if folder.space_id is None:
        problem = folder.problems[-1]
        raise ProtectionError(
            f"{folder.layout.root} does not say which space it is: {problem.message}",
            code=problem.code,
            hint=f"see what is wrong with: sila-daemon space verify {folder.layout.root}",
        )
    return folder.space_id
