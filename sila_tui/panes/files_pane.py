"""What is done with the files of a space: out and in, other names, other places, order."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from sila_tui import file_edits
from sila_tui.jobs import run_job
from sila_tui.panes.file_steps import FILE_COMMANDS
from sila_tui.panes.files_browser import FilesBrowser
from sila_tui.widgets.dialogs import Field, FormDialog
from sila_tui.widgets.file_list import FileList
from sila_tui.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sila_tui.desktop import Desktop
    from sila_tui.file_rows import FileRow
    from sila_tui.files_reader import FilesReader
    from sila_tui.session import Session
    from sila_tui.space_reader import SpaceReader


class FilesPane(FilesBrowser):
    """Asks for what is needed, and has the daemon do it."""

    TAKES = FILE_COMMANDS
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
        super().__init__(session, reader, files)
        self._desktop = desktop
        self._cut: list[FileRow] = []

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
