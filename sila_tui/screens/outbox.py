"""What of one space waits, why, and what can be done about the ops that servers refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType

from sila_tui.goal import Goal
from sila_tui.jobs import run_job
from sila_tui.outbox import Outbox
from sila_tui.screens.frame import FramedScreen
from sila_tui.screens.space import SpaceScreen
from sila_tui.widgets.dialogs import Field, FormDialog
from sila_tui.widgets.outbox_list import OutboxList
from sila_tui.widgets.row_list import RowList
from sila_tui.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import ComposeResult

    from sila_tui.facts import SpaceFacts


class OutboxScreen(FramedScreen):
    """Lists what waits, offers refused ops again, and writes them to a file."""

    DEFAULT_CSS = "OutboxScreen OutboxList { height: 1fr; margin-top: 1; }"
    PARTS = (*FramedScreen.PARTS, OutboxList)
    TAKES = frozenset({"export"})
    BINDING_GROUP_TITLE = "What waits"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "retry", "Offer again"),
        Binding("e", "export", "Write to a file"),
        Binding("s", "sync", "Sync now"),
        Binding("h,left", "leave", "Back", show=False),
    ]

    def __init__(self, space: SpaceFacts) -> None:
        super().__init__()
        self._space = space
        self._outbox = Outbox()

    def crumbs(self) -> list[str]:
        """Below the sync status."""
        return ["sila", "Sync status", self._space.title]

    def body(self) -> ComposeResult:
        """Builds the list."""
        yield OutboxList(self.sila.session)

    def on_mount(self) -> None:
        """Begins in the list."""
        super().on_mount()
        self.query_one(OutboxList).focus()

    def news(self) -> None:
        """Asks again when something changed."""
        run_job(self, self._load, group="outbox")

    async def _load(self) -> None:
        answer = await self.sila.link.call("outbox.list", space=self._space.id)
        self._outbox = Outbox.read(answer)
        self.query_one(OutboxList).show(self._outbox)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offers what helps with ops that need somebody only when there are some."""
        if action in ("retry", "export"):
            return bool(self._outbox.ops)
        return super().check_action(action, parameters)

    @on(RowList.Chosen, "#outbox")
    def chosen(self) -> None:
        """Goes to the vertex that an op is about."""
        op, space = self.query_one(OutboxList).op, self.sila.session.space(self._space.id)
        if op is not None and space is not None and op.tree:
            self.app.push_screen(SpaceScreen(space, Goal(op.tree, op.vertex)))

    def action_retry(self) -> None:
        """Offers refused ops again, and reads again what could not be read."""

        async def job() -> None:
            answer = await self.sila.link.call("outbox.retry", space=self._space.id)
            offered, read = int(answer["offered"]), int(answer["read"])
            said = f"{counted(offered, 'op')} offered again, {counted(read, 'op')} read"
            self.app.notify(f"{said}; the state tells what becomes of them", markup=False)
            self.sila.link.refresh()
            await self._load()

        run_job(self, job, group="retry")

    def action_export(self) -> None:
        """Asks for a file and writes the ops that need somebody."""

        def answered(said: dict[str, str] | None) -> None:
            if said is not None:
                self._export_to(said["target"])

        fields = [Field("target", "Write them to", "~/refused-ops.jsonl", is_path=True)]
        hint = "One JSON object a line; the ops stay owed."
        self.app.push_screen(FormDialog("The ops that need you", fields, hint), answered)

    def _export_to(self, target: str) -> None:
        async def job() -> None:
            answer = await self.sila.link.call("outbox.export", space=self._space.id, target=target)
            count = counted(int(answer["ops"]), "op")
            self.app.notify(f"{count} written to {answer['target']}", markup=False)

        run_job(self, job, group="export")

    @property
    def space_at_hand(self) -> SpaceFacts | None:
        """The one whose ops wait."""
        return self._space

    def take(self, name: str, given: Mapping[str, str]) -> None:
        """Does it without asking for the file."""
        self._export_to(str(Path(given["FILE"]).expanduser().absolute()))

    def action_sync(self) -> None:
        """Scans and exchanges now."""
        self.sila.sync_space(self._space.id)
