"""A small window that lets a person choose one of several things."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label

from sila_tui.widgets.lines import line, sides
from sila_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text
    from textual.app import ComposeResult

    from sila_tui.theme import Palette


class PickRows(RowList):
    """What can be chosen: a name at the left, what is known of it at the right."""

    BINDING_GROUP_TITLE = "Dialog"

    def __init__(self, rows: Sequence[tuple[str, str]]) -> None:
        super().__init__("pick-rows")
        self._rows = rows

    def row_count(self) -> int:
        """As many as there are."""
        return len(self._rows)

    def row(self, index: int, width: int, look: Palette) -> Text:
        """Draws one."""
        name, known = self._rows[index]
        return sides(line((name, look.text)), line((known, look.dim)), width)


class PickDialog(ModalScreen[int | None]):
    """Gives the place of what was chosen, or None when a person thinks better of it."""

    DEFAULT_CSS = """
    PickDialog { align: center middle; }
    PickDialog > Vertical {
        width: 70; max-width: 94%; height: auto; max-height: 80%;
        padding: 1 1; background: $panel;
    }
    PickDialog Label { padding: 0 2; }
    PickDialog .title { text-style: bold; margin-bottom: 1; }
    PickDialog .hint { color: $dim; margin-top: 1; }
    PickDialog PickRows { background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss(None)", "Cancel")]
    ROWS_SHOWN_MAX = 12

    def __init__(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._heading = title
        self._rows = rows

    def compose(self) -> ComposeResult:
        """Builds the list between its title and its keys."""
        with Vertical():
            yield Label(self._heading, classes="title", markup=False)
            rows = PickRows(self._rows)
            rows.styles.height = min(len(self._rows), self.ROWS_SHOWN_MAX)
            yield rows
            yield Label("enter choose   esc cancel", classes="hint", markup=False)

    @on(RowList.Chosen)
    def chosen(self, event: RowList.Chosen) -> None:
        """Ends with what the cursor stands on."""
        self.dismiss(event.index)
