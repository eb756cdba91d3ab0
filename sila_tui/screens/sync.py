"""What each layer of each space holds and what is owed to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType

from sila_tui.files_reader import FilesReader
from sila_tui.jobs import run_job
from sila_tui.screens.fetch_dialog import ask_what_comes
from sila_tui.screens.frame import FramedScreen
from sila_tui.screens.held_dialogs import HeldDialogs
from sila_tui.screens.outbox import OutboxScreen
from sila_tui.screens.space import SpaceScreen
from sila_tui.widgets.row_list import RowList
from sila_tui.widgets.sync_rows import SyncList

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sila_tui.facts import SpaceFacts


class SyncScreen(FramedScreen):
    """Shows where everything is, and syncs what is chosen."""

    DEFAULT_CSS = "SyncScreen SyncList { height: 1fr; margin-top: 1; }"
    PARTS = (*FramedScreen.PARTS, SyncList)
    BINDING_GROUP_TITLE = "Sync status"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s,r", "sync", "Sync now"),
        Binding("o", "outbox", "What waits"),
        Binding("a", "accept_held", "Accept"),
        Binding("x", "refuse_held", "Refuse"),
        Binding("f", "fetch_policy", "What comes here"),
        Binding("h,left", "leave", "Back"),
    ]

    def crumbs(self) -> list[str]:
        """Below home."""
        return ["sila", "Sync status"]

    def __init__(self) -> None:
        super().__init__()
        self._asked: set[tuple[str, str]] = set()
        """Files whose names somebody was asked for."""

    def body(self) -> ComposeResult:
        """Builds the rows."""
        yield SyncList(self.sila.session)

    def on_mount(self) -> None:
        """Begins in the rows."""
        super().on_mount()
        self.query_one(SyncList).focus()

    @property
    def space_at_hand(self) -> SpaceFacts | None:
        """The one under the cursor."""
        return self.query_one(SyncList).space

    def pull(self) -> None:
        """Draws the rows; their words change by time alone."""
        super().pull()
        if self.is_whole:
            self.query_one(SyncList).pull()
            self.refresh_bindings()

    @on(RowList.Chosen, "#sync")
    def chosen(self) -> None:
        """Goes into the space."""
        space = self.query_one(SyncList).space
        if space is not None:
            self.app.push_screen(SpaceScreen(space))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offers a yes and a no only where something waits for it."""
        if action in ("accept_held", "refuse_held"):
            return self._held_space() is not None
        return super().check_action(action, parameters)

    def news(self) -> None:
        """Asks what files are called that are on their way, once for each of them."""
        session = self.sila.session
        moving = {(one.space_id, one.file) for one in session.transfers.active}
        spaces = session.transfers.unnamed if moving - self._asked else set()
        self._asked |= moving

        async def job() -> None:
            for space_id in spaces:
                await FilesReader(self.sila.link, space_id).learn_names(session.transfers)
            self.query_one(SyncList).pull()

        if spaces:
            run_job(self, job, group="names")

    def _held_space(self) -> SpaceFacts | None:
        space = self.query_one(SyncList).space if self.is_whole else None
        return space if space is not None and space.held_ops else None

    def action_accept_held(self) -> None:
        """Lets held changes of the space under the cursor happen, if a person says so again."""
        space = self._held_space()
        if space is not None:
            dialogs = HeldDialogs(self.sila)
            run_job(self, lambda: dialogs.accept(space), group="held")

    def action_refuse_held(self) -> None:
        """Undoes them everywhere or leaves them out here, as a person says."""
        space = self._held_space()
        if space is not None:
            dialogs = HeldDialogs(self.sila)
            run_job(self, lambda: dialogs.refuse(space), group="held")

    def action_outbox(self) -> None:
        """Shows what of the space under the cursor waits, and why."""
        space = self.query_one(SyncList).space
        if space is not None:
            self.app.push_screen(OutboxScreen(space))

    def action_fetch_policy(self) -> None:
        """Asks which files of the space under the cursor come to this machine."""
        space = self.query_one(SyncList).space
        if space is not None:
            run_job(self, lambda: ask_what_comes(self.sila, space), group="dialog")

    def action_sync(self) -> None:
        """Scans and exchanges the space under the cursor now."""
        space = self.query_one(SyncList).space
        if space is not None:
            self.sila.sync_space(space.id)
