"""What is done with files once it is known what: out, in, another name, a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.core.errors import UsageError
from sila_tui import file_edits
from sila_tui.jobs import run_job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sila_tui.file_rows import FileRow
    from sila_tui.files import FileEntry, FolderEntry, SpaceFiles
    from sila_tui.files_reader import FilesReader
    from sila_tui.panes.editing import EditingPane

FILE_COMMANDS = frozenset({"get", "put", "rename", "new"})


class FileSteps:
    """Each method begins a job of the pane, which says what came of it."""

    def __init__(self, pane: EditingPane, files: FilesReader) -> None:
        self._pane = pane
        self._files = files

    def get(self, file: FileEntry, target: str, *, is_free: bool) -> None:
        """Writes a copy of a file; over another one only when that `is_free` to go."""

        async def job() -> None:
            self._say(f"{file.name} is being written …", timeout=2)
            written = await self._files.get(file, target, overwrite=is_free)
            self._say(f"{file.name} is at {written}")

        run_job(self._pane, job, group=f"get {file.vertex}")

    def fetch(self, file: FileEntry) -> None:
        """Brings a file to this machine and shows it."""

        async def job() -> None:
            self._say(f"{file.name} is being brought …", timeout=2)
            await self._files.fetch(file)
            self._say(f"{file.name} is here")
            await self._pane.reload()

        run_job(self._pane, job, group=f"fetch {file.vertex}")

    def put(self, source: str, path: str, tree: str | None) -> None:
        """Puts a local file in, under its own name where `path` names only a folder."""
        name = Path(source).name
        path = path + name if not path or path.endswith("/") else path

        async def job() -> None:
            self._say(f"{name} is being read …", timeout=2)
            await self._files.put(source, path, tree)
            self._say(f"{name} is in the space")
            await self._pane.reload()

        run_job(self._pane, job, group=f"put {path}")

    def rename(self, known: SpaceFiles, row: FileRow, name: str) -> None:
        """Gives a file or folder another name."""

        async def job() -> None:
            vertex = await self._pane.reader.vertex(row.folder.tree, row.vertex)
            self._pane.try_step(lambda: file_edits.rename(known, row, vertex.properties, name))

        if name != row.title:
            run_job(self._pane, job, group="rename")

    def make_folder(self, known: SpaceFiles, folder: FolderEntry, name: str) -> None:
        """Makes a folder in another."""
        self._pane.try_step(lambda: file_edits.new_folder(known, folder, name))

    def take(
        self, name: str, given: Mapping[str, str], known: SpaceFiles, row: FileRow | None
    ) -> None:
        """Does a command where the cursor stands. Raises UsageError where it means nothing."""
        place = str(Path(given.get("FILE", "")).expanduser().absolute())
        if name == "put":
            self.put(place, given.get("NAME", ""), row.folder.tree if row else None)
        elif name == "new" and row is not None:
            self.make_folder(known, row.folder, given["NAME"])
        elif name == "get" and row is not None and row.file is not None:
            self.get(row.file, place, is_free=False)
        elif name == "rename" and row is not None and not row.is_top:
            self.rename(known, row, given["NAME"])
        else:
            raise UsageError(f"{name} is about a file", hint="go to one first")

    def _say(self, words: str, timeout: float = 5) -> None:
        self._pane.app.notify(words, timeout=timeout, markup=False)
