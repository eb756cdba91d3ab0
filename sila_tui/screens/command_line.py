"""The line in which `:` takes a command, at the bottom over the screen that it is about."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from sila_tui.command_paths import path_begun
from sila_tui.command_words import LINE_CHARACTERS_MAX, candidates
from sila_tui.local_paths import complete
from sila_tui.path_lookup import PathLookup
from sila_tui.widgets.lines import fitted, line
from sila_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text
    from textual.app import ComposeResult

    from sila_tui.command_history import History
    from sila_tui.command_runner import CommandRunner
    from sila_tui.command_words import Candidate
    from sila_tui.theme import Palette

ROWS_MAX = 10
NAME_WIDTH = 26


class CandidateRows(RowList):
    """What the line may become."""

    can_filter = False

    def __init__(self) -> None:
        super().__init__("candidates")
        self.rows: Sequence[Candidate] = ()
        self.can_focus = False
        self.is_chosen = False
        """Whether the line was taken from the row under the cursor."""

    def show(self, rows: Sequence[Candidate]) -> None:
        """Shows other ones, none of them chosen."""
        self.rows, self.is_chosen = rows, False
        self.styles.height = min(len(rows), ROWS_MAX, max(3, self.screen.size.height - 6))
        self.display = bool(rows)
        self.cursor = 0
        self.rows_changed()

    def row_count(self) -> int:
        """One line for each."""
        return len(self.rows)

    def row(self, index: int, width: int, look: Palette) -> Text:
        """Draws one: what it is called, and what it does."""
        row = self.rows[index]
        column = max(NAME_WIDTH, min(width // 2, max(len(each.shown) for each in self.rows)))
        is_at = self.is_chosen and index == self.cursor
        sign = self.symbols.into if is_at else " "
        name = fitted(line((row.shown, look.strong if is_at else look.text)), column)
        drawn = line((f"{sign} ", look.accent), name, "  ", (row.note, look.dim))
        if is_at:
            drawn = fitted(drawn, width)
            drawn.stylize(look.chosen)
        return drawn


class CommandScreen(ModalScreen[str | None]):
    """Completes with tab, remembers with the arrows, gives the line or None."""

    DEFAULT_CSS = """
    CommandScreen { align: left bottom; }
    CommandScreen > Vertical { height: auto; background: $panel; }
    CommandScreen CandidateRows { background: $panel; }
    CommandScreen #wrong { color: $error; height: auto; padding: 0 1; display: none; }
    CommandScreen Horizontal { height: 1; background: $field; padding: 0 1; }
    CommandScreen #sign { width: 2; color: $accent; text-style: bold; }
    CommandScreen Input { width: 1fr; height: 1; border: none; padding: 0; background: $field; }
    CommandScreen Input:focus { border: none; background: $field; }
    """
    BINDING_GROUP_TITLE = "Command line"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "dismiss(None)", "Close", priority=True),
        Binding("tab", "next(1)", "Complete", priority=True),
        Binding("shift+tab", "next(-1)", "The completion before", priority=True),
        Binding("up,ctrl+p", "recall(-1)", "The line before", priority=True),
        Binding("down,ctrl+n", "recall(1)", "The line after", priority=True),
    ]

    class PathWanted(Message):
        """The path at the end of the line shall be completed."""

    def __init__(
        self, runner: CommandRunner, history: History, text: str = "", wrong: str = ""
    ) -> None:
        super().__init__()
        self._runner = runner
        self._history = history
        self._lookup = PathLookup()
        self._text = text
        self._wrong = wrong
        """What was wrong with `text` when it was to be done."""
        self._is_ours = False
        """Whether the line changes because of us, not because somebody types."""

    def compose(self) -> ComposeResult:
        """Builds what the line may become above the line."""
        with Vertical():
            yield CandidateRows()
            yield Static("", id="wrong", markup=False)
            with Horizontal():
                yield Static(":", id="sign")
                box = Input(
                    placeholder="a command   tab completes   up goes back   esc closes",
                    max_length=LINE_CHARACTERS_MAX,
                )
                box.cursor_blink = False
                yield box

    def on_mount(self) -> None:
        """Lists everything before a letter is typed; or says what is wrong with a line."""
        self._write(self._text)
        self._list(self._text)
        self._say(self._wrong)

    @property
    def _rows(self) -> CandidateRows:
        return self.query_one(CandidateRows)

    def _list(self, text: str) -> None:
        runner = self._runner
        found = candidates(text, runner.is_usable, runner.choices, runner.key_of)
        self._rows.show(found)
        self._say("")

    def _say(self, said: str) -> None:
        wrong = self.query_one("#wrong", Static)
        wrong.update(said)
        wrong.display = bool(said)

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """Offers what the line may become."""
        if self._is_ours:
            self._is_ours = False
            return
        self._history.begin(event.value)
        self._list(event.value)

    def _write(self, text: str) -> None:
        box = self.query_one(Input)
        if box.value != text:
            self._is_ours = True
            box.value = text
        box.cursor_position = len(text)

    def action_next(self, step: int) -> None:
        """Takes the next of what the line may become."""
        rows = self._rows
        if not rows.rows:
            # Behind the keys that are on their way here.
            self.query_one(Input).post_message(self.PathWanted())
            return
        if len(rows.rows) == 1 and rows.rows[0].line.endswith(" "):
            # Nothing else is meant: on to its arguments.
            self._write(rows.rows[0].line)
            self._list(rows.rows[0].line)
            return
        at = (rows.cursor + step) % len(rows.rows) if rows.is_chosen else min(step, 0)
        rows.is_chosen, rows.cursor = True, at % len(rows.rows)
        rows.refresh()
        self._write(rows.rows[rows.cursor].line)

    async def on_command_screen_path_wanted(self, message: PathWanted) -> None:
        """Adds what is certain of a path, and lists what it may become."""
        message.stop()
        begun = path_begun(self.query_one(Input).value)
        if begun is None:
            return
        look_up = partial(complete, only_folders=begun.only_folders)
        found = await self._lookup.read(begun.path, look_up)
        if not self.is_current:
            return
        if found.line != begun.path:
            self._write(begun.become(found))
        self._rows.show(begun.candidates(found))
        self._say(found.note)

    def action_recall(self, step: int) -> None:
        """Takes an older line, or a newer one."""
        found = self._history.step(step)
        if found is not None:
            self._write(found)
            self._list(found)

    @on(RowList.Chosen, "#candidates")
    @on(RowList.Highlighted, "#candidates")
    def clicked(self, event: RowList.Highlighted) -> None:
        """Takes the row that the mouse points at."""
        event.stop()
        if isinstance(event, RowList.Chosen):
            self._write(self._rows.rows[event.index].line)
            self.query_one(Input).focus()

    @on(Input.Submitted)
    def submitted(self, event: Input.Submitted) -> None:
        """Closes, and has the line done on the screen below."""
        self.dismiss(event.value if event.value.strip() else None)
