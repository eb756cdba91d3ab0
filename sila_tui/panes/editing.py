"""What panes that change trees have in common: steps that are said, and taken back one by one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from sila_daemon.core.errors import SilaError
from sila_tui.jobs import run_job, tell
from sila_tui.panes.pane import Pane
from sila_tui.tree_edits import TreeEdit, Undos, made
from sila_tui.widgets.dialogs import ConfirmDialog, Field, FormDialog

if TYPE_CHECKING:
    from collections.abc import Callable

    from sila_tui.session import Session
    from sila_tui.space_reader import SpaceReader

MASS_CHANGE = "mass_change"
"""The code with which the daemon refuses what would lose much of a space."""


class EditingPane(Pane):
    """Keeps the steps of this sitting, the newest last."""

    BINDING_GROUP_TITLE = "Editing"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("u", "undo", "Undo", show=False)]

    def __init__(self, session: Session, reader: SpaceReader, name: str) -> None:
        super().__init__(session, reader, name)
        self._undos = Undos()

    def ask(
        self, title: str, fields: list[Field], answered: Callable[[dict[str, str]], None]
    ) -> None:
        """Asks for some lines and goes on with them, unless a person thinks better of it."""

        def take(said: dict[str, str] | None) -> None:
            if said is not None:
                answered(said)

        self.app.push_screen(FormDialog(title, fields), take)

    def try_step(self, make: Callable[[], TreeEdit]) -> None:
        """Makes a step and applies it; says why it is none."""
        try:
            step = make()
        except SilaError as error:
            tell(self, error)
        else:
            self.apply(step)

    def apply(self, step: TreeEdit) -> None:
        """Has a step kept, says so, and remembers what undoes it."""

        run_job(self, lambda: self.keep(step), group="edit")

    async def keep(self, step: TreeEdit) -> None:
        """Has a step kept; asks first where the daemon says that it would lose much."""
        try:
            vertices = await self.reader.apply(step.tree, step.edits)
        except SilaError as error:
            if error.code != MASS_CHANGE:
                raise
            question = ConfirmDialog(error.message, "yes, I mean it")
            if not await self.app.push_screen_wait(question):
                return
            vertices = await self.reader.apply(step.tree, step.edits, is_meant=True)
        self._undos.note(replace(made(step, vertices), tree=step.tree))
        said = step.title[:1].upper() + step.title[1:]
        self.app.notify(f"{said}   u undoes it", timeout=4, markup=False)
        await self.reload()

    def action_undo(self) -> None:
        """Takes the last step of this sitting back."""
        step = self._undos.take()
        if step is None:
            self.app.notify("nothing to undo", timeout=2)
            return

        async def job() -> None:
            await self.reader.apply(step.tree, step.undo)
            self.app.notify(f"Undone: {step.title}", timeout=4, markup=False)
            await self.reload()

        run_job(self, job, group="edit")
