"""The files of a space: what there is, getting one out and putting one in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType

from sila_tui.jobs import run_job
from sila_tui.panes.pane import Pane
from sila_tui.widgets.dialogs import Field, FormDialog
from sila_tui.widgets.file_list import FileList

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sila_tui.session import Session
    from sila_tui.space_reader import SpaceReader


class FilesPane(Pane):
    """Lists files; the daemon reads and writes them."""

    BINDING_GROUP_TITLE = "Files"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "get", "Save a copy"),
        Binding("p", "put", "Put a file"),
    ]

    def __init__(self, session: Session, reader: SpaceReader) -> None:
        super().__init__(session, reader, "files")

    def compose(self) -> ComposeResult:
        """Builds the list."""
        yield FileList()

    async def open(self, tree: str) -> None:
        """Shows all files."""
        await self.reload()

    async def reload(self) -> None:
        """Shows the files as they are now."""
        outline = await self.reader.outline()
        names = {known.id: outline.chat_title(known.id) or known.title for known in outline.trees}
        self.query_one(FileList).show(await self.reader.files(), names)

    async def go_to(self, vertex: str) -> bool:
        """Goes to a file."""
        return self.query_one(FileList).go_to(vertex)

    def enter(self) -> None:
        """Goes to the list."""
        self.query_one(FileList).focus()

    @on(FileList.Chosen)
    def action_get(self) -> None:
        """Asks where to write a copy of the file under the cursor, and writes it."""
        file = self.query_one(FileList).file
        if file is None:
            return

        def answered(values: dict[str, str] | None) -> None:
            if values is None:
                return

            target = str(Path(values["target"]).expanduser().absolute())

            async def job() -> None:
                written = await self.reader.get_file(file, target)
                self.app.notify(f"{file.name} is at {written or target}", markup=False)

            run_job(self, job, group="file")

        fields = [Field("target", "Write it to", f"~/Downloads/{file.name}")]
        hint = "A file that is there already is not replaced."
        self.app.push_screen(FormDialog(f"Save a copy of {file.name}", fields, hint), answered)

    def action_put(self) -> None:
        """Asks for a local file and its name here, and puts it in."""

        def answered(values: dict[str, str] | None) -> None:
            if values is None:
                return

            source = Path(values["source"]).expanduser().absolute()

            async def job() -> None:
                await self.reader.put_file(str(source), values["path"] or source.name)
                self.app.notify(f"{source.name} is in the space", markup=False)
                await self.reload()

            run_job(self, job, group="file")

        fields = [
            Field("source", "File on this machine", example="~/Pictures/curve.png"),
            Field(
                "path", "Name here, with folders", example="recipes/curve.png", is_required=False
            ),
        ]
        self.app.push_screen(FormDialog("Put a file into the space", fields), answered)
