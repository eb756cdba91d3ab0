"""What is drawn again, and what is left as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import App, ComposeResult
from textual.widget import Widget

from sila_tui.widgets.key_line import KeyLine
from sila_tui.widgets.lines import end_of, line
from sila_tui.widgets.row_list import RowList
from tests.tui.driving import driven, press

if TYPE_CHECKING:
    from rich.style import Style
    from rich.text import Text
    from textual.strip import Strip

    from sila_tui.app import SilaApp
    from sila_tui.theme import Palette
    from sila_tui.widgets.line_view import Source
    from tests.tui.fake_daemon import FakeDaemon


class Names(RowList):
    """Rows that count how often they are drawn."""

    def __init__(self) -> None:
        super().__init__("names")
        self.names = [f"name {at}" for at in range(50)]
        self.drawn: list[str] = []

    def row_count(self) -> int:
        """One for each name."""
        return len(self.names)

    def row(self, index: int, width: int, look: Palette) -> Text:
        """The name."""
        return line(self.names[index])

    def strip_of(self, source: Source, ground: Style) -> Strip:
        """Draws a row, and remembers that."""
        strip = super().strip_of(source, ground)
        self.drawn.append(strip.text.strip(" ▌"))
        return strip


class NamesApp(App[None]):
    """Nothing but the names."""

    def compose(self) -> ComposeResult:
        """Builds the list."""
        yield Names()


async def test_a_list_draws_the_lines_that_say_something_else() -> None:
    async with NamesApp().run_test(size=(40, 10)) as pilot:
        names = pilot.app.query_one(Names)
        names.focus()
        await pilot.pause()
        names.drawn.clear()
        await pilot.press("j")
        await pilot.pause()
        assert sorted(names.drawn) == ["name 0", "name 1"], "the cursor's rows alone"
        names.drawn.clear()
        names.names[3] = "another"
        names.names[40] = "out of sight"
        names.rows_changed()
        await pilot.pause()
        assert names.drawn == ["another"]
        names.drawn.clear()
        names.rows_changed()
        await pilot.pause()
        assert names.drawn == []
        await pilot.press("G")
        await pilot.pause()
        assert names.drawn[-1] == "name 49", "what is scrolled is drawn whole"


def to_be_drawn(app: SilaApp) -> list[str]:
    """The parts of the screen in front that wait to be drawn."""
    parts = [app.screen, *app.screen.walk_children(Widget)]
    return [type(part).__name__ for part in parts if part._repaint_required]


async def test_home_is_left_as_it_is_while_nothing_happens(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, _):
        app._pull()
        assert to_be_drawn(app) == []
        app.session.feed_gap()
        app._pull()
        assert "SpaceDetails" in to_be_drawn(app), "it would be seen if something were"


async def test_a_screen_that_is_covered_turns_no_sign(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        below = app.screen.query_one(KeyLine)
        await press(pilot, "enter")
        assert below.screen is not app.screen
        below.waits_changed()
        assert not below.is_turning
        app.screen.query_one(KeyLine).waits_changed()
        assert app.screen.query_one(KeyLine).is_turning


def test_of_a_long_path_the_end_is_shown() -> None:
    assert end_of("a/b/c", 5, "…") == "a/b/c"
    assert end_of("first/second/third", 8, "…") == "…d/third"
    assert end_of("日本語", 4, "…") == "…語"
    assert end_of("long", 0, "…") == "…"
