"""All keys that work where one is, made from the bindings themselves, filtered as one types."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from sila_tui.commands import GROUPS
from sila_tui.widgets.key_line import key_name
from sila_tui.widgets.lines import line
from sila_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.text import Text
    from textual.app import ComposeResult

    from sila_tui.theme import Palette

NOT_OURS = {"screen.copy_text"}
"""What Textual binds by itself and nobody needs to know here."""


def help_rows(
    bindings: Iterable[ActiveBinding], meanings: Mapping[str, str]
) -> list[tuple[str, str, str]]:
    """Group, keys and what they do; keys for the same thing share a row.

    `meanings` are the keys that a person gave another meaning.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for active in bindings:
        binding = active.binding
        if not binding.description or binding.system or binding.action in NOT_OURS:
            continue
        group = getattr(active.node, "BINDING_GROUP_TITLE", None) or "Everywhere"
        keys = found.setdefault((group, active.tooltip or binding.description), [])
        own = [key_name(pressed) for pressed, meant in meanings.items() if meant == binding.key]
        usual = [] if binding.key in meanings else [binding.key_display or key_name(binding.key)]
        keys += [name for name in [*usual, *own] if name not in keys]
    return [(group, " ".join(keys), what) for (group, what), keys in found.items()]


def command_rows() -> list[tuple[str, str, str]]:
    """The same for what `:` takes."""
    return [
        (f"Commands: {title.lower()}", f":{command.usage}", command.does)
        for title, group in GROUPS.items()
        for command in group
    ]


class KeyRows(RowList):
    """The keys by where they work."""

    empty_text = "no key does that here"
    can_filter = False

    def __init__(self, rows: list[tuple[str, str, str]]) -> None:
        super().__init__("key-rows")
        self._all = rows
        self._rows: list[tuple[str, str, str]] = []
        self.filter("")

    def filter(self, wish: str) -> None:
        """Keeps the rows that have the words."""
        words = wish.lower().split()
        kept = [
            row for row in self._all
            if all(word in " ".join(row).lower() for word in words)
        ]  # fmt: skip
        self._rows = []
        for row in kept:
            if not self._rows or self._rows[-1][0] != row[0]:
                if self._rows:
                    self._rows.append((row[0], "", ""))
                self._rows.append((row[0], "", row[0]))
            self._rows.append(row)

    def row_count(self) -> int:
        """Headings and gaps included."""
        return len(self._rows)

    def row(self, index: int, width: int, look: Palette) -> Text:
        """Draws a heading, a gap or a key."""
        _, keys, what = self._rows[index]
        if not keys:
            return line((what, look.strong))
        return line((f"{keys:>20}", look.accent), "   ", (what, look.text))


class HelpScreen(ModalScreen[None]):
    """Lists the keys over the screen that they are for."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; }
    HelpScreen > Vertical {
        width: 66; max-width: 94%; height: 80%; max-height: 40;
        background: $panel; padding: 1 1;
    }
    HelpScreen Input { height: 1; border: none; padding: 0 1; background: $field; margin: 0 1 1 1; }
    HelpScreen Input:focus { border: none; background: $field; }
    HelpScreen KeyRows { height: 1fr; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close"),
        Binding("down", "scroll(1)", "Down", show=False),
        Binding("up", "scroll(-1)", "Up", show=False),
    ]

    def __init__(self, bindings: Iterable[ActiveBinding], meanings: Mapping[str, str]) -> None:
        super().__init__()
        self._rows = help_rows(bindings, meanings) + command_rows()

    def compose(self) -> ComposeResult:
        """Builds the filter above the keys."""
        with Vertical():
            box = Input(placeholder="type to find a key or a command   esc closes")
            box.cursor_blink = False
            yield box
            yield KeyRows(self._rows)

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """Shows what has the words; `q` and `?` alone close, as they do elsewhere."""
        if event.value in ("q", "?"):
            self.dismiss()
            return
        rows = self.query_one(KeyRows)
        rows.filter(event.value)
        rows.rows_changed()

    def action_scroll(self, step: int) -> None:
        """Moves through the keys while typing goes to the filter."""
        self.query_one(KeyRows).action_move(step)
