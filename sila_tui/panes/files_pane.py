"""The files of a space: what there is, a look into it, bringing files out and in, and order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType

from sila_tui import file_edits
from sila_tui.file_rows import FILES_APP, file_rows
from sila_tui.files import SpaceFiles
from sila_tui.jobs import run_job
from sila_tui.panes.editing import EditingPane
from sila_tui.panes.file_steps import FILE_COMMANDS, FileSteps
from sila_tui.preview import Preview, preview_of
from sila_tui.widgets.dialogs import Field, FormDialog
from sila_tui.widgets.file_list import FileList
from sila_tui.widgets.file_preview import FilePreview
from sila_tui.widgets.row_list import RowList
from sila_tui.words import counted, size

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import ComposeResult

    from sila_tui.desktop import Desktop
    from sila_tui.file_rows import FileRow
    from sila_tui.files import FileEntry
    from sila_tui.files_reader import FilesReader
    from sila_tui.session import Session
    from sila_tui.space_reader import SpaceReader

PREVIEW_PAUSE_S = 0.08
"""A cursor that only passes by asks the daemon for nothing."""


class FilesPane(EditingPane):
    """Lists files beside a preview; the daemon reads and writes them."""

    DEFAULT_CSS = """
    FilesPane { layout: horizontal; }
    FilesPane FileList { width: 5fr; height: 1fr; }
    FilesPane FilePreview { width: 4fr; height: 1fr; border-left: solid $border; }
    """
    TAKES = FILE_COMMANDS
    MAIN = FileList
    FOLLOWS_SESSION = True
    BINDING_GROUP_TITLE = "Files"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "open_outside", "Open outside"),
        Binding("w", "get", "Save a copy"),
        Binding("a", "put", "Add a file"),
        Binding("r", "rename", "Rename"),
        Binding("d,delete", "delete", "Delete"),
        Binding("x", "cut", "Cut", show=False),
        Binding("p", "paste", "Paste", show=False),
        Binding("n", "new_folder", "New folder", show=False),
    ]

    def __init__(
        self, session: Session, reader: SpaceReader, files: FilesReader, desktop: Desktop
    ) -> None:
        super().__init__(session, reader, "files")
        self._files = files
        self._desktop = desktop
        self._steps = FileSteps(self, files)
        self._known = SpaceFiles()
        self._titles: dict[str, str] = {}
        self._files_trees: set[str] = set()
        self._folded: set[str] = set()
        self._cut: list[FileRow] = []

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
            self.call_after_refresh(self.query_one(FilePreview).focus)

    @on(FilePreview.LeftAlone)
    def back_to_list(self) -> None:
        """Goes from the preview to the list."""
        self.remove_class("-previewing")
        self._list.focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offers what can be done with what is meant."""
        row = self._list.current if self.is_mounted and self.query(FileList) else None
        if action in ("get", "open_outside"):
            return row is not None and row.file is not None
        if action in ("rename", "delete", "cut"):
            return row is not None and not row.is_top
        if action == "paste":
            return row is not None and bool(self._list.cut)
        return row is not None if action == "new_folder" else True

    def action_get(self) -> None:
        """Asks where to write a copy of the file under the cursor, and writes it."""
        row = self._list.current
        if row is None or row.file is None:
            return
        file = row.file
        fields = [
            Field("target", "Write it to", f"~/Downloads/{file.name}", is_path=True),
            Field("replace", "Replace a file that is there already", "no", choices=("no", "yes")),
        ]

        def answered(said: dict[str, str]) -> None:
            self._steps.get(file, said["target"], is_free=said["replace"] == "yes")

        self.ask(f"Save a copy of {file.name}", fields, answered)

    def action_open_outside(self) -> None:
        """Has the program that this machine has for it show the file."""
        row = self._list.current
        if row is None or row.file is None:
            return
        file = row.file

        async def job() -> None:
            target = self._desktop.place_for(file.vertex, file.name)
            await self._files.get(file, str(target), overwrite=True)
            said = f"A copy of {file.name} is being opened; changes to it are not kept"
            self.app.notify(said, timeout=4, markup=False)
            await self._desktop.show(target)

        run_job(self, job, group="open")

    def action_put(self) -> None:
        """Asks for a local file and its name here, and puts it in."""
        row = self._list.current
        above = f"{row.folder.path}/" if row is not None and row.folder.path else ""
        tree = row.folder.tree if row is not None else None
        fields = [
            Field("source", "File on this machine", example="~/Pictures/curve.png", is_path=True),
            Field("path", "Name here, with folders", above, "recipes/curve.png", is_required=False),
        ]

        self.app.push_screen(
            FormDialog("Put a file into the space", fields, "A file of that name is replaced."),
            lambda said: self._steps.put(said["source"], said["path"], tree) if said else None,
        )

    def action_rename(self) -> None:
        """Asks for another name."""
        row = self._list.current
        if row is None or row.is_top:
            return

        self.ask(
            f"Rename {row.title}",
            [Field("name", "Name", row.title)],
            lambda said: self._steps.rename(self._known, row, said["name"]),
        )

    def action_delete(self) -> None:
        """Moves what is meant to the trash."""
        rows = [row for row in self._list.meant if not row.is_top]
        if rows:
            self.try_step(lambda: file_edits.delete(rows))

    def action_cut(self) -> None:
        """Takes what is meant along, to where it is pasted."""
        rows = [row for row in self._list.meant if not row.is_top]
        self._cut, self._list.cut = rows, {row.vertex for row in rows}
        self._list.marked = set()
        self._list.refresh()
        self.refresh_bindings()
        what = rows[0].title if len(rows) == 1 else counted(len(rows), "thing")
        self.app.notify(f"p moves {what} to where you are then", timeout=4, markup=False)

    def action_paste(self) -> None:
        """Moves what was cut into the folder where the cursor is."""
        row, rows = self._list.current, self._cut
        if row is not None and self._list.cut:
            folder = row.folder
            self.try_step(lambda: file_edits.move(self._known, rows, folder))
            self._list.cut = set()
            self._list.refresh()

    def action_new_folder(self) -> None:
        """Asks for the name of a folder, and makes it where the cursor is."""
        row = self._list.current
        if row is not None:
            folder = row.folder
            where = f" in {folder.name}" if folder.name else ""
            self.ask(
                f"A folder{where}",
                [Field("name", "Name", example="recipes")],
                lambda said: self._steps.make_folder(self._known, folder, said["name"]),
            )

    def take(self, name: str, given: Mapping[str, str]) -> None:
        """Does it where the cursor stands."""
        self._steps.take(name, given, self._known, self._list.current)


def _facts(file: FileEntry) -> tuple[str, ...]:
    weight = "" if file.size_bytes is None else f"{size(file.size_bytes)}, "
    change = ", can change" if file.is_mutable else ""
    return (f"{weight}{file.mime or 'unknown type'}{change}",)
