"""The files of a space: what there is, and a look into it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import on

from sila_tui.file_rows import FILES_APP, file_rows
from sila_tui.files import SpaceFiles
from sila_tui.jobs import run_job
from sila_tui.panes.editing import EditingPane
from sila_tui.panes.file_steps import FileSteps
from sila_tui.preview import Preview, preview_of
from sila_tui.view_memory import text, texts
from sila_tui.widgets.file_list import FileList
from sila_tui.widgets.file_preview import FilePreview
from sila_tui.widgets.row_list import RowList
from sila_tui.words import counted, size

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sila_tui.files import FileEntry
    from sila_tui.files_reader import FilesReader
    from sila_tui.session import Session
    from sila_tui.space_reader import SpaceReader
    from sila_tui.view_memory import State

FOLDED_KEPT_MAX = 150
"""Folders that are folded again."""
PREVIEW_PAUSE_S = 0.08
"""A cursor that only passes by asks the daemon for nothing."""


class FilesBrowser(EditingPane):
    """Lists files beside a preview, folders folded or not."""

    DEFAULT_CSS = """
    FilesBrowser { layout: horizontal; }
    FilesBrowser FileList { width: 5fr; height: 1fr; }
    FilesBrowser FilePreview { width: 4fr; height: 1fr; border-left: solid $border; }
    """
    MAIN = FileList
    FOLLOWS_SESSION = True

    def __init__(self, session: Session, reader: SpaceReader, files: FilesReader) -> None:
        super().__init__(session, reader, "files")
        self._files = files
        self._steps = FileSteps(self, files)
        self._known = SpaceFiles()
        self._titles: dict[str, str] = {}
        self._files_trees: set[str] = set()
        self._folded: set[str] = set()

    def compose(self) -> ComposeResult:
        """Builds the list beside the preview."""
        yield FileList(self.session.transfers, self.reader.space_id)
        yield FilePreview()

    @property
    def _list(self) -> FileList:
        return self.query_one(FileList)

    async def reload(self) -> None:
        """Shows the files as they are now."""
        outline = await self.reader.outline()
        self._titles = {
            known.id: outline.chat_title(known.id) or known.title for known in outline.trees
        }
        self._files_trees = {known.id for known in outline.trees if known.app_id == FILES_APP}
        self._known = await self._files.files()
        self._show_rows()
        await self._show_preview()

    async def go_to(self, vertex: str) -> bool:
        """Goes to a file, in whatever folder it is."""
        if self._folded:
            self._folded.clear()
            self._show_rows()
        return self.query_one(FileList).go_to(vertex)

    def kept(self) -> State:
        """What is folded, and what the cursor stands on."""
        row = self._list.current
        if row is None or (not self._folded and self._list.cursor == 0):
            return {}
        return {"folded": sorted(self._folded)[:FOLDED_KEPT_MAX], "at": row.vertex}

    async def take_back(self, state: State) -> None:
        """Folds what was folded."""
        self._folded = set(texts(state.get("folded"), FOLDED_KEPT_MAX))
        self._show_rows()
        self._list.go_to(text(state.get("at")))

    def _show_rows(self) -> None:
        rows = file_rows(self._known, self._titles, self._folded, self._files_trees)
        self._list.show(rows)
        self.refresh_bindings()

    @on(RowList.Highlighted, "#file-list")
    def moved(self) -> None:
        """Looks into the file under the cursor, once the cursor stays there."""
        self.refresh_bindings()

        async def job() -> None:
            await asyncio.sleep(PREVIEW_PAUSE_S)
            await self._show_preview()

        run_job(self, job, group="preview")

    async def _show_preview(self) -> None:
        row, box = self._list.current, self.query_one(FilePreview)
        if row is None:
            box.show("", (), None)
        elif row.file is None:
            box.show(row.title or "Files", (counted(row.count, "file"),), Preview("nothing"))
        elif row.file.is_here is False:
            note = "only on the server: enter brings it to this machine"
            box.show(row.title, _facts(row.file), Preview("nothing", note=note))
        else:
            data, is_whole = await self._files.head(row.file)
            # A picture takes a moment to decode.
            preview = await asyncio.to_thread(preview_of, row.file, data, is_whole=is_whole)
            if self._list.current is row:
                box.show(row.title, _facts(row.file), preview)

    @on(RowList.Chosen, "#file-list")
    def chosen(self) -> None:
        """Folds or unfolds a folder, goes into a file's preview, or brings one that is away."""
        row = self._list.current
        if row is None:
            return
        if row.file is None:
            self._folded ^= {row.vertex}
            self._show_rows()
        elif row.file.is_here is False:
            self._steps.fetch(row.file)
        else:
            self.add_class("-previewing")
            self.query_one(FilePreview).focus()

    @on(FilePreview.LeftAlone)
    def back_to_list(self) -> None:
        """Goes from the preview to the list."""
        self.remove_class("-previewing")
        self._list.focus()


def _facts(file: FileEntry) -> tuple[str, ...]:
    weight = "" if file.size_bytes is None else f"{size(file.size_bytes)}, "
    change = ", can change" if file.is_mutable else ""
    return (f"{weight}{file.mime or 'unknown type'}{change}",)
