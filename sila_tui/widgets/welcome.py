"""What stands in place of the spaces before there are any: what to do next, with its key."""

from __future__ import annotations

from rich.text import Text
from textual.widget import Widget

from sila_tui.session import Connection, Session
from sila_tui.theme import Palette, palette
from sila_tui.widgets.lines import line
from sila_tui.words import span


class Welcome(Widget, can_focus=True):
    """The first-run pages: no answer yet, no daemon, no spaces."""

    DEFAULT_CSS = "Welcome { height: 1fr; content-align: center middle; display: none; }"

    def __init__(self, session: Session, socket: str) -> None:
        super().__init__(id="welcome")
        self._session = session
        self._socket = socket

    @property
    def is_needed(self) -> bool:
        """Whether there is nothing else to show."""
        return not self._session.spaces

    def pull(self) -> None:
        """Appears when there is nothing else to show."""
        self.display = self.is_needed
        if self.display:
            self.refresh()

    def render(self) -> Text:
        """Draws the page for where things stand."""
        look = palette(self.app.theme)
        match self._session.connection:
            case Connection.OPENING:
                return line(("asking the daemon …", look.dim))
            case Connection.ABSENT | Connection.LOST:
                page = self._no_daemon(look)
            case Connection.OPEN:
                page = self._no_spaces(look)
        block = Text("\n").join(page)
        width = max(text.cell_len for text in page)
        return Text("\n").join(_padded(text, width) for text in block.split("\n"))

    def _no_daemon(self, look: Palette) -> list[Text]:
        wait = max(0.0, (self._session.retry_at or 0.0) - self._session.now())
        return [
            line(
                (f"{self._session.symbols.broken} ", look.bad),
                ("The daemon is not running", look.strong),
            ),
            line(""),
            line(("It looks after your spaces in the background: it keeps folders and", look.text)),
            line(("servers alike and saves what you write. This screen only shows it.", look.text)),
            line(""),
            _key("ctrl+s", "start it", look),
            _key("ctrl+r", f"try again now (by itself in {span(wait + 0.9)})", look),
            _key("q", "leave", look),
            line(""),
            line((f"looked for it at {self._socket}", look.dim)),
        ]

    def _no_spaces(self, look: Palette) -> list[Text]:
        return [
            line(("No spaces yet", look.strong)),
            line(""),
            line(
                (
                    "A space holds chats, files and notes: in a folder, on servers, or both.",
                    look.text,
                )
            ),
            line(""),
            _key("n", "make a new one in a folder", look),
            _key("a", "add a folder that already is one", look),
            _key("c", "bring one from a server", look),
            _key("i", "sign in to a server", look),
            line(""),
            _key("?", "all keys", look),
        ]


def _key(key: str, what: str, look: Palette) -> Text:
    return line(("  " + key.ljust(8), look.accent), (what, look.text))


def _padded(text: Text, width: int) -> Text:
    copy = text.copy()
    copy.pad_right(width - copy.cell_len)
    return copy
