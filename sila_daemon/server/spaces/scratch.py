"""Places for what is needed only for a while, such as an archive that is unpacked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.folder.problems import storage_errors
from sila_daemon.ports.disk import remove_tree

if TYPE_CHECKING:
    from sila_daemon.server.ports import Ports


class Scratch:
    """One folder; whoever asks for a place in it makes and removes that."""

    def __init__(self, folder: Path, ports: Ports) -> None:
        self._folder = folder
        self._ports = ports

    def place(self) -> Path:
        """Returns a place where nothing is yet."""
        return self._folder / self._ports.randomness.token(8).hex()

    async def clear(self) -> None:
        """Removes what a process that was killed left behind; call it before all else."""

        def work() -> None:
            with storage_errors("remove leftovers"):
                remove_tree(self._ports.disk, self._folder)

        await self._ports.workers.run(work)
