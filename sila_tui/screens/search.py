"""Searching all spaces: one line of words, what was found as one types, and where it stands."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Input, Static

from sila_daemon.core.errors import SilaError
from sila_tui.contents import VertexFacts, value_line
from sila_tui.jobs import run_job
from sila_tui.screens.frame import FramedScreen
from sila_tui.screens.space import SpaceScreen
from sila_tui.search import Search, SearchHit
from sila_tui.theme import palette
from sila_tui.widgets.hit_list import HitList
from sila_tui.widgets.row_list import RowList
from sila_tui.words import clean_lines, counted

if TYPE_CHECKING:
    from textual.app import ComposeResult

PAUSE_S = 0.15
"""The daemon is asked when nobody has typed for so long."""
PREVIEW_CHARACTERS = 20_000


class SearchScreen(FramedScreen):
    """Keeps the keys in the line of words; arrows move through what was found."""

    DEFAULT_CSS = """
    SearchScreen #words { border: none; height: 1; padding: 0; background: $panel; width: 1fr; }
    SearchScreen #words:focus { border: none; background: $panel; }
    SearchScreen #line { height: 1; background: $panel; padding: 0 1; margin-top: 1; }
    SearchScreen #sign { width: 2; color: $accent; }
    SearchScreen #count { width: auto; color: $dim; }
    SearchScreen #found { height: 1fr; padding-top: 1; }
    SearchScreen HitList { width: 3fr; height: 1fr; }
    SearchScreen #preview { width: 2fr; height: 1fr; padding: 0 2; border-left: solid $border; }
    SearchScreen.-narrow #preview { display: none; }
    """
    PARTS = (*FramedScreen.PARTS, HitList, Input)
    BINDING_GROUP_TITLE = "Search"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back"),
        Binding("enter", "open", "Open", priority=True),
        Binding("down,ctrl+n", "move(1)", "Down", show=False, priority=True),
        Binding("up", "move(-1)", "Up", show=False, priority=True),
        Binding("pagedown", "page(1)", "Page down", show=False, priority=True),
        Binding("pageup", "page(-1)", "Page up", show=False, priority=True),
    ]

    def __init__(self, words: str = "") -> None:
        super().__init__()
        self._words = words

    def crumbs(self) -> list[str]:
        """Below home."""
        return ["sila", "Search"]

    def body(self) -> ComposeResult:
        """Builds the line of words above what was found and its text."""
        self._search = Search(self.sila.link)
        self._previewed: SearchHit | None = None
        with Horizontal(id="line"):
            yield Static(self.sila.symbols.cursor, id="sign")
            yield Input(self._words, placeholder="words that must all occur", id="words")
            yield Static("", id="count")
        with Horizontal(id="found"):
            yield HitList(self.sila.session, self._search)
            with VerticalScroll(id="preview", can_focus=False):
                yield Static("", id="text", markup=False)

    def on_mount(self) -> None:
        """Begins in the line of words."""
        super().on_mount()
        box = self.query_one("#words", Input)
        box.cursor_blink = False
        box.focus()

    @property
    def _hits(self) -> HitList:
        return self.query_one(HitList)

    @on(Input.Changed, "#words")
    def typed(self, event: Input.Changed) -> None:
        """Asks when the words have come to rest."""
        query = event.value

        async def job() -> None:
            await asyncio.sleep(PAUSE_S)
            await self._find(query)

        run_job(self, job, group="search")

    async def _find(self, query: str) -> None:
        is_new = True

        def pull() -> None:
            nonlocal is_new
            if not self.is_whole:
                return
            self._hits.pull(is_new=is_new)
            is_new = False
            self._say()
            self._preview()

        spaces = [space.id for space in self.sila.session.spaces]
        await self._search.find(query, spaces, pull)

    def _say(self) -> None:
        search = self._search
        said = counted(search.found, "found", "found") if search.query else ""
        if search.has_more:
            said = f"more than {said}"
        if search.trouble:
            said = search.trouble
        elif search.is_asking:
            said = f"searched {search.searched_share:.0%}  {said}"
        self.query_one("#count", Static).update(Text(said))
        self._hits.empty_text = "Nothing has these words." if search.query else ""
        self._hits.refresh()

    @on(RowList.Highlighted, "#hits")
    def moved(self) -> None:
        """Shows the text of the hit under the cursor."""
        self._preview()

    def _preview(self) -> None:
        hit = self._hits.hit
        if hit == self._previewed:
            return
        self._previewed = hit
        if hit is None:
            self.query_one("#text", Static).update("")
            return
        run_job(self, lambda: self._show_text(hit), group="preview")

    async def _show_text(self, hit: SearchHit) -> None:
        look = palette(self.app.theme)
        try:
            answer = await self.sila.link.call(
                "vertex.get", space=hit.space_id, tree=hit.tree, vertex=hit.vertex
            )
        except SilaError as error:
            self.query_one("#text", Static).update(error.message)
            return
        value = VertexFacts.read(answer).properties.get(hit.key)
        shown = clean_lines(value) if isinstance(value, str) else value_line(value)
        text = Text(shown[:PREVIEW_CHARACTERS], style=look.text)
        text.highlight_words(
            self._search.query.split(), look.strong + look.accent, case_sensitive=False
        )
        place = hit.place_in(self.sila.session.title_of(hit.space_id))
        head = Text(f"{place}\n{self._told(hit)}\n\n", style=look.dim)
        self.query_one("#text", Static).update(Text.assemble(head, text))
        self.query_one("#preview", VerticalScroll).scroll_home(animate=False)

    def _told(self, hit: SearchHit) -> str:
        when = "" if hit.created_at is None else self.sila.session.say.exact_time(hit.created_at)
        return "  ".join(filter(None, (hit.key, when)))

    @on(RowList.Chosen, "#hits")
    def action_open(self) -> None:
        """Goes to where the words stand."""
        hit = self._hits.hit
        space = self.sila.session.space(hit.space_id) if hit is not None else None
        if hit is not None and space is not None:
            self.app.push_screen(SpaceScreen(space, hit.goal))

    def action_move(self, step: int) -> None:
        """Moves through what was found while typing goes on."""
        self._hits.action_move(step)

    def action_page(self, direction: int) -> None:
        """The same by what is visible."""
        self._hits.action_page(direction)
