"""A line for a path of this machine, which tab completes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from sila_tui.local_paths import Completion
from sila_tui.path_lookup import PathLookup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult

GAP, MARGINS = 2, 4
"""Cells between columns, and beside them with a scrollbar."""


class PathCandidates(VerticalScroll, can_focus=False):
    """What the path above may become, in columns."""

    DEFAULT_CSS = """
    PathCandidates { height: auto; max-height: 8; margin-bottom: 1; padding: 0 1; display: none; }
    PathCandidates Static { height: auto; color: $dim; }
    """

    def compose(self) -> ComposeResult:
        """Builds the text."""
        yield Static("", markup=False)

    def show(self, found: Completion | None) -> None:
        """Shows other ones, or none."""
        # Its own width is not known while it is hidden.
        box = self.parent
        width = box.content_size.width - MARGINS if isinstance(box, Widget) else 0
        lines = in_columns(found.names, width) if found else []
        if found and found.note:
            lines.append(found.note)
        self.query_one(Static).update("\n".join(lines))
        self.display = bool(lines)
        self.scroll_home(animate=False)


class PathLine(Input):
    """Takes a path; tab goes on to the next line where there is nothing to complete."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", "Complete the path", show=False)
    ]

    class Wanted(Message):
        """The path shall be completed."""

    def __init__(
        self, value: str, candidates: PathCandidates, look_up: Callable[[str], Completion]
    ) -> None:
        super().__init__(value)
        self._candidates = candidates
        self._look_up = look_up
        self._told: str | None = None
        """The path whose candidates are shown."""
        self._lookup = PathLookup()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leaves tab to the form where no path was begun."""
        if action == "complete":
            return bool(self._begun) and "://" not in self.value
        return super().check_action(action, parameters)

    def action_complete(self) -> None:
        """Completes what is before the cursor, behind the keys that are on their way here."""
        self.post_message(self.Wanted())

    @property
    def _begun(self) -> str:
        return self.value[: self.cursor_position]

    async def on_path_line_wanted(self, message: Wanted) -> None:
        """Adds what is certain; then shows what there is; then goes on to the next line."""
        message.stop()
        begun = self._begun
        is_told = begun == self._told
        found = Completion(begun) if is_told else await self._lookup.read(begun, self._look_up)
        if found.line != begun:
            self.value = found.line + self.value[len(begun) :]
            self.cursor_position = len(found.line)
        elif found.names or found.note:
            self._told = begun
            self._candidates.show(found)
        else:
            self.screen.focus_next()

    @on(Input.Changed)
    def typed(self) -> None:
        """Forgets candidates of another path."""
        if self._told not in (None, self._begun):
            self._forget()

    @on(events.Blur)
    def left(self) -> None:
        """Gives the room back."""
        self._forget()

    def _forget(self) -> None:
        self._told = None
        self._candidates.show(None)


def in_columns(names: Sequence[str], width: int) -> list[str]:
    """Lines with as many columns of names, each read downwards, as the width in cells allows."""
    if not names:
        return []
    column = max(map(cell_len, names)) + GAP
    columns = max(1, (width + GAP) // column)
    height = -(-len(names) // columns)
    return [
        "".join(f"{name}{' ' * (column - cell_len(name))}" for name in names[at::height]).rstrip()
        for at in range(height)
    ]
