"""The trash of a space: what was deleted, from where, and putting it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType

from sila_tui.panes.editing import EditingPane
from sila_tui.tree_edits import TreeEdit
from sila_tui.widgets.row_list import RowList
from sila_tui.widgets.trash_list import TrashList

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sila_tui.files_reader import FilesReader
    from sila_tui.session import Session
    from sila_tui.space_reader import SpaceReader


class TrashPane(EditingPane):
    """Lists what was deleted by itself; what went along is restored with it."""

    MAIN = TrashList
    BINDING_GROUP_TITLE = "Trash"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("r", "restore", "Restore")]

    def __init__(self, session: Session, reader: SpaceReader, files: FilesReader) -> None:
        super().__init__(session, reader, "trash")
        self._files = files

    def compose(self) -> ComposeResult:
        """Builds the list."""
        yield TrashList()

    async def reload(self) -> None:
        """Shows what is in the trash now."""
        self.query_one(TrashList).show(await self._files.trash())
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offers to restore what there is."""
        if action == "restore":
            return bool(self.query(TrashList)) and self.query_one(TrashList).entry is not None
        return True

    @on(RowList.Chosen, "#trash-list")
    def action_restore(self) -> None:
        """Puts what the cursor stands on back to where it was."""
        entry = self.query_one(TrashList).entry
        if entry is not None:
            edit, undo = ({"do": do, "vertex": entry.vertex} for do in ("restore", "delete"))
            self.apply(TreeEdit(f"restored {entry.title}", (edit,), (undo,), entry.tree))
