"""What the home screen says about the space under the cursor, and what happened lately."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual.widget import Widget

from sila_tui.theme import Palette, palette
from sila_tui.widgets.lines import fitted, line, sides
from sila_tui.words import ago, counted, short_path, size

if TYPE_CHECKING:
    from sila_tui.facts import SpaceFacts
    from sila_tui.session import Session


class SpaceDetails(Widget):
    """Figures, one line for each layer that holds the space, and the latest activity."""

    def __init__(self, session: Session, home: str) -> None:
        super().__init__(id="details")
        self._home = home
        self._session = session
        self._space_id = ""

    def show(self, space_id: str) -> None:
        """Turns to another space."""
        self._space_id = space_id
        self.refresh()

    def render(self) -> Text:
        """Draws as many lines as fit."""
        look, width = palette(self.app.theme), self.size.width
        space = self._session.space(self._space_id)
        if space is None:
            return Text()
        lines = [*self._about(space, look), line(""), *self._layers(space, look, width), line("")]
        room = self.size.height - len(lines) - 1
        if room > 0:
            more = line(("A", look.accent), (" all of it", look.dim))
            lines.append(sides(line(("Recently", look.strong)), more, width))
            lines += self._recently(look, width, room)
        return Text("\n").join(fitted(text, width) for text in lines[: self.size.height])

    def _about(self, space: SpaceFacts, look: Palette) -> list[Text]:
        dot = f" {self._session.symbols.dot} "
        figures = [counted(space.ops, "op"), counted(space.trees, "tree")]
        if space.files:
            figures.append(f"{counted(space.files, 'file')}, {size(space.size_bytes)}")
        return [
            line((space.title, look.strong), (f"  {self._place(space)}", look.dim)),
            line((dot.join(figures), look.dim)),
        ]

    def _place(self, space: SpaceFacts) -> str:
        return short_path(space.path, self._home) if space.path else "without a folder"

    def _layers(self, space: SpaceFacts, look: Palette, width: int) -> list[Text]:
        """One line for each layer; the names share a column."""
        rows = [("here", "current", "saved in the store")]
        if space.path:
            waits = space.folder_pending_ops
            said = f"{counted(waits, 'op')} to write" if waits else "written"
            if space.folder_scanned_at:
                at = ago(self._session.now() - space.folder_scanned_at)
                said += f" {self._session.symbols.dot} scanned {at}"
            rows.append(("folder", "syncing" if waits else "current", said))
            is_theirs = any(remote.state == space.state for remote in space.remotes)
            if space.state in ("needs_you", "broken") and not is_theirs:
                rows[-1] = ("folder", space.state, space.reason)
        rows += [(r.name, r.state, self._session.say.of_remote(r)) for r in space.remotes]
        transfers = self._session.transfers
        for way in transfers.of_space(space.id):
            rows.append((way.sentence, "syncing", way.words(self._session.symbols)))
        if space.files_away:
            said = f"{counted(space.files_away, 'file')}, {size(space.bytes_away)} on servers only"
            rows.append(("away", "offline", said))
        if not space.remotes:
            rows.append(("server", "unknown", "none: only this machine holds it"))
        column = min(max(len(name) for name, *_ in rows), max(8, width * 2 // 5))
        signs = self._session.symbols
        return [
            line(
                (signs.of_state(state), look.of_state(state)),
                " ",
                fitted(line((name, look.text)), column),
                (f"  {said}", look.dim),
            )
            for name, state, said in rows
        ]

    def _recently(self, look: Palette, width: int, room: int) -> list[Text]:
        events = list(self._session.activity)[-room:][::-1]
        if not events:
            return [line(("nothing since this screen was opened", look.dim))]
        lines = []
        for event in events:
            when = self._session.say.time_of_day(event.at)
            who = fitted(line((event.who, look.text)), 8) if event.who else line("")
            left = line((f"{when:>5}  ", look.dim), who, "  " if event.who else "", event.sentence)
            where = line(
                (self._session.title_of(event.space_id) if event.space_id else "", look.dim)
            )
            where.truncate(14, overflow="ellipsis")
            lines.append(sides(left, where, width))
        return lines
