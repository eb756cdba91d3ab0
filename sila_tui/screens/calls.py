"""The calls that this screen made to the daemon, as they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Static

from sila_tui.screens.frame import FramedScreen
from sila_tui.theme import palette
from sila_tui.widgets.lines import fitted, line, sides
from sila_tui.widgets.row_list import RowList
from sila_tui.words import counted, size

if TYPE_CHECKING:
    from rich.text import Text
    from textual.app import ComposeResult

    from sila_tui.call_log import CallMade
    from sila_tui.session import Session
    from sila_tui.theme import Palette

SLOW_S = 0.3
"""A call that took longer stands out."""


class CallList(RowList):
    """One line for each call, the newest last."""

    empty_text = "No call yet."

    def __init__(self, session: Session) -> None:
        super().__init__("calls")
        self._session = session
        self._calls: list[CallMade] = []

    def pull(self) -> None:
        """Takes what was called; at the end it follows, elsewhere the cursor stays."""
        known = list(self._session.calls.calls)
        if known[-1:] == self._calls[-1:]:
            return
        was_at_end = self.cursor >= len(self._calls) - 1
        gone = known[0].number - self._calls[0].number if self._calls else 0
        self._calls = known
        self.cursor = max(0, self.cursor - gone)
        self.rows_changed()
        if was_at_end:
            self.action_move_to(-1)

    def row_count(self) -> int:
        """As many as are kept."""
        return len(self._calls)

    def words_of(self, index: int) -> str:
        """The method and how it ended."""
        call = self._calls[index]
        return f"{call.method} {call.code or 'ok'}"

    def row(self, index: int, width: int, look: Palette) -> Text:
        """Draws one: when, what, how it ended, how long it took, how much went and came."""
        call = self._calls[index]
        when = line((self._session.say.exact_time(call.at), look.dim), "  ")
        said, style = (call.code, look.bad) if call.code else ("ok", look.dim)
        left = line(when, fitted(line((call.method, look.text)), 24), " ", (said, style))
        took = f"{call.seconds * 1000:,.0f} ms"
        mark = look.warn if call.seconds >= SLOW_S else look.text
        slow = " slow" if call.seconds >= SLOW_S else ""
        right = line(
            (f"{took:>10}", mark), (f"{slow:<5}", mark),
            (f"{size(call.sent_bytes):>8} sent {size(call.received_bytes):>8} got", look.dim),
        )  # fmt: skip
        return sides(left, right, width)


class CallsScreen(FramedScreen):
    """Follows the calls until a person looks further up."""

    DEFAULT_CSS = """
    CallsScreen #calls-head { height: 1; margin: 1 0; padding: 0 2; }
    CallsScreen CallList { height: 1fr; }
    """
    PARTS = (*FramedScreen.PARTS, CallList)

    def crumbs(self) -> list[str]:
        """Below home."""
        return ["sila", "Daemon calls"]

    def body(self) -> ComposeResult:
        """Builds a line that says what this is above the calls."""
        yield Static("", id="calls-head", markup=False)
        yield CallList(self.sila.session)

    def on_mount(self) -> None:
        """Begins at the newest call."""
        super().on_mount()
        self.query_one(CallList).focus()

    def pull(self) -> None:
        """Takes the calls; they come without news, too."""
        super().pull()
        if self.is_whole:
            look, calls = palette(self.app.theme), self.sila.session.calls
            said = f"{counted(calls.count, 'call')} since this screen was opened"
            note = "what was in them is not kept"
            self.query_one("#calls-head", Static).update(
                line((said, look.text), (f"  {self.sila.symbols.dot}  {note}", look.dim))
            )
            self.query_one(CallList).pull()
