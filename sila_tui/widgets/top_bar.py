"""The first lines of every screen: where one is, and whether everything is safe."""

from __future__ import annotations

from rich.text import Text
from textual.widget import Widget

from sila_tui.session import Connection, Session
from sila_tui.theme import palette
from sila_tui.widgets.lines import fitted, line, sides
from sila_tui.words import span

PLACE_WIDTH_MIN = 8
NARROW = 100
"""Below this width the host and the first crumb make room."""


class TopBar(Widget):
    """Breadcrumbs at the left, the state of everything in words at the right, a rule below."""

    DEFAULT_CSS = "TopBar { height: 2; dock: top; }"

    def __init__(self, session: Session, crumbs: list[str], host: str) -> None:
        super().__init__()
        self._session = session
        self._host = host
        self._crumbs = crumbs

    def go_to(self, crumbs: list[str]) -> None:
        """Shows another place."""
        if crumbs != self._crumbs:
            self._crumbs = crumbs
            self.refresh()

    def render(self) -> Text:
        """Draws the two lines; on narrow screens the host's name goes first, then the path."""
        look, symbols, width = palette(self.app.theme), self._session.symbols, self.size.width
        said = self._session.overall
        state = line(
            (symbols.of_state(said.state), look.of_state(said.state)), " ", (said.words, look.text)
        )
        is_narrow = width < NARROW
        if not is_narrow and self._host:
            state = Text.assemble(state, ("   " + self._host, look.dim))
        first, *others = self._crumbs[1:] if is_narrow and self._crumbs[1:] else self._crumbs
        path = line((f" {first}", look.accent + look.strong.without_color))
        for crumb in others:
            path.append_text(line((f" {symbols.into} ", look.dim), (crumb, look.strong)))
        # The place keeps two fifths of the line when the sentence is long; a short place leaves
        # room too, or there would be no sentence at all.
        place_width = max(PLACE_WIDTH_MIN, min(path.cell_len, width * 2 // 5))
        state.truncate(max(20, width - place_width - 3), overflow="ellipsis")
        top = sides(path, state, max(1, width - 1))
        return Text.assemble(top, "\n", (symbols.rule * width, look.faint))


class Banner(Widget):
    """Says that the daemon is gone, when it is tried again, and which keys help."""

    DEFAULT_CSS = "Banner { height: 1; display: none; }"

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def pull(self) -> None:
        """Appears and disappears with the connection."""
        self.display = self._session.connection is Connection.LOST
        if self.display:
            self.refresh()

    def render(self) -> Text:
        """Draws the line."""
        look, session = palette(self.app.theme), self._session
        wait = (session.retry_at or 0.0) - session.now()
        again = f"trying again in {span(wait + 0.9)}" if wait > 0 else "trying again"
        text = line(
            (f" {session.symbols.broken} The daemon stopped answering. ", look.bad),
            (f"This is from then; {again}.", look.text),
            ("   ctrl+r", look.accent),
            (" now", look.dim),
            ("  ctrl+s", look.accent),
            (" start it", look.dim),
        )
        filled = fitted(text, self.size.width)
        filled.stylize(look.chosen)
        return filled
