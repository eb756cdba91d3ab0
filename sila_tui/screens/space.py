"""One space: its parts at the left, what one of them holds at the right."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from sila_daemon.core.errors import SilaError
from sila_tui.files_reader import FilesReader
from sila_tui.goal import Goal
from sila_tui.jobs import drawn, run_job
from sila_tui.outline import Item, Outline
from sila_tui.panes.chat_pane import ChatPane
from sila_tui.panes.files_pane import FilesPane
from sila_tui.panes.pane import Pane
from sila_tui.panes.secrets_pane import SecretsPane
from sila_tui.panes.slots import Slots
from sila_tui.panes.trash_pane import TrashPane
from sila_tui.panes.tree_pane import TreePane
from sila_tui.reloads import Reloads
from sila_tui.screens.arrival import arrive
from sila_tui.screens.chat_list import ChatList
from sila_tui.screens.frame import FramedScreen
from sila_tui.screens.space_commands import SpaceCommands
from sila_tui.screens.views import KEEP_S, note
from sila_tui.space_reader import SpaceReader
from sila_tui.unread import Unread
from sila_tui.view_memory import ViewMemory
from sila_tui.widgets.raw_tree import RawTree
from sila_tui.widgets.row_list import RowList
from sila_tui.widgets.sidebar import Sidebar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult

    from sila_tui.commanded import Commanded
    from sila_tui.facts import SpaceFacts

OUTLINE_S_MIN = 2.0
"""The sidebar is asked for anew at most this often, however many changes come."""


class SpaceScreen(FramedScreen):
    """Moves between the sidebar and the panes, and keeps both up to date."""

    DEFAULT_CSS = """
    SpaceScreen > Horizontal { height: 1fr; }
    SpaceScreen Sidebar { width: 32; height: 1fr; border-right: solid $border; }
    SpaceScreen.-narrow Sidebar { width: 1fr; border-right: none; }
    SpaceScreen.-narrow Slots { display: none; }
    SpaceScreen.-narrow FilePreview { display: none; border-left: none; }
    SpaceScreen.-narrow .-previewing FilePreview { display: block; }
    SpaceScreen.-narrow .-previewing FileList { display: none; }
    SpaceScreen.-narrow.-reading Sidebar { display: none; }
    SpaceScreen.-narrow.-reading Slots { display: block; }
    """
    PARTS = (*FramedScreen.PARTS, Sidebar, Slots)
    BINDING_GROUP_TITLE = "Space"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,h,left", "out", "Back", show=False),
        Binding("b", "to_sidebar", "Sidebar", show=False),
        Binding("t", "as_tree", "Tree view"),
        Binding("s", "sync", "Sync now"),
        Binding("ctrl+n", "chat('new')", "New chat", show=False),
    ]

    def __init__(self, space: SpaceFacts, goal: Goal | None = None, part: str = "") -> None:
        super().__init__()
        self._goal = goal or Goal()
        self._part = part
        """What of the space is wanted, in the words of a command."""
        self._space_id = space.id
        self.outline = Outline()
        self._has_begun = False
        self._reloads = Reloads(self._reload)
        self._listings = Reloads(self.load_outline, OUTLINE_S_MIN)
        self.chats = ChatList(self)

    def crumbs(self) -> list[str]:
        """The space and what of it is shown."""
        place = ["sila", self.sila.session.title_of(self._space_id)]
        shown = self.slots.active.shown if self.is_whole else None
        return [*place, shown.title] if shown else place

    def body(self) -> ComposeResult:
        """Builds the sidebar and the places for panes."""
        self.reader = SpaceReader(self.sila.link, self._space_id)
        self._unread = Unread(self.sila.session.memory, self._space_id)
        self.views = ViewMemory(self.sila.session.memory, self._space_id)
        with Horizontal():
            yield Sidebar(self._unread)
            yield Slots(lambda: _panes(self, self._unread), self.views)

    def on_mount(self) -> None:
        """Begins in the sidebar; the first news fill it."""
        super().on_mount()
        self.query_one(Sidebar).focus()
        self.set_interval(KEEP_S, lambda: note(self, self.views))

    async def _begin(self) -> None:
        self._has_begun = True
        try:
            await self.load_outline()
        except SilaError as exc:
            # Tried again as soon as the daemon answers.
            self._has_begun = False
            self.slots.active.say(f"{exc.message}\n{exc.hint}")
            return
        await arrive(self, self._goal, self._part)

    async def load_outline(self) -> None:
        """Asks what the space consists of. Raises SilaError."""
        self.outline = await self.reader.outline()
        if not self.is_whole:
            return  # It was left while the daemon answered.
        self._unread.begin(self.outline)
        self.query_one(Sidebar).show(self.outline)
        for slot in self.slots.all:
            if slot.shown is not None:
                slot.shown = self.outline.newest(slot.shown)
                slot.tell_gone(is_gone=self.outline.lacks(slot.shown))
        self.slots.draw()
        self.pull()

    @property
    def slots(self) -> Slots:
        """The places for panes."""
        return self.query_one(Slots)

    async def open(self, item: Item) -> Pane | None:
        """Shows a part of the space in the active pane. Raises SilaError."""
        pane = await self.slots.active.open(item)
        self.active_changed()
        return pane

    @on(Slots.Changed)
    def active_changed(self) -> None:
        """Shows where one is: in the sidebar, the titles and the path."""
        shown, sidebar = self.slots.active.shown, self.query_one(Sidebar)
        self.slots.draw()
        if shown is not None and not sidebar.has_focus:
            sidebar.point_at(shown.view, shown.tree)
        self.refresh_bindings()
        self.pull()

    def show(self, item: Item) -> None:
        """Opens a part of the space and goes there."""

        async def job() -> None:
            pane = await self.open(item)
            self.add_class("-reading")
            if pane is not None:
                # A chat lays itself out by the width that it has then.
                await drawn(self)
                pane.enter()

        run_job(self, job, group="show")

    @on(RowList.Chosen, "#sidebar")
    def chosen(self) -> None:
        """Opens what the cursor stands on."""
        item = self.query_one(Sidebar).item
        if item is not None:
            self.show(item)

    def news(self) -> None:
        """Asks for the contents again when something in this space has changed."""
        if not self._has_begun:
            run_job(self, self._begin, group="show")
        revision = self.sila.session.contents.space(self._space_id)
        if self._reloads.must_run(revision):
            run_job(self, self._reloads.run, group="reload")
        if self._listings.must_run(revision):
            run_job(self, self._listings.run, group="listing")
        for slot in self.slots.all:
            if slot.pane is not None:
                slot.pane.news()

    async def _reload(self) -> None:
        for slot in self.slots.all:
            if slot.pane is not None and slot.pane.is_outdated:
                await slot.pane.reload()

    @on(RawTree.LeftAlone)
    @on(Pane.LeftAlone)
    def action_to_sidebar(self) -> None:
        """Goes to the sidebar."""
        self.remove_class("-reading")
        self.query_one(Sidebar).focus()

    def action_out(self) -> None:
        """Goes from the pane to the sidebar, and from the sidebar home."""
        if self.query_one(Sidebar).has_focus:
            note(self, self.views)
            self.action_leave()
        else:
            self.action_to_sidebar()

    def action_as_tree(self) -> None:
        """Shows what is in front as the tree that it is."""
        shown = self.slots.active.shown
        found = self.outline.as_tree(shown.tree if shown else "")
        if found is not None:
            self.show(found)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offers the tree view where what is shown is one."""
        if action == "chat" and parameters[0] in ("rename", "delete"):
            return self.is_whole and self.chats.at_cursor is not None
        if action == "as_tree":
            shown = self.slots.active.shown if self.is_whole else None
            return shown is not None and shown.view == "chat"
        return super().check_action(action, parameters)

    def action_chat(self, what: str) -> None:
        """Changes the list of chats: `new`, `rename`, `delete` or `undo`."""
        self.chats.ask(what)

    def action_sync(self) -> None:
        """Scans and exchanges now."""
        self.sila.sync_space(self._space_id)

    @property
    def commanded(self) -> Commanded:
        """Goes to places; the pane in front does the rest."""
        return SpaceCommands(self)


def _panes(screen: SpaceScreen, unread: Unread) -> Iterator[Pane]:
    session, reader, desktop = screen.sila.session, screen.reader, screen.sila.desktop
    files = FilesReader(screen.sila.link, reader.space_id)
    yield ChatPane(session, reader, unread, desktop)
    yield FilesPane(session, reader, files, desktop)
    yield TreePane(session, reader)
    yield SecretsPane(session, reader)
    yield TrashPane(session, reader, files)
