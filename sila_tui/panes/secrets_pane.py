"""The secrets of a space: names, and a value for a few seconds when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType

from sila_tui.clipboard import copy
from sila_tui.jobs import run_job
from sila_tui.panes.pane import Pane
from sila_tui.widgets.below import below
from sila_tui.widgets.dialogs import ConfirmDialog, Field, FormDialog
from sila_tui.widgets.secret_list import SecretList

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sila_tui.session import Session
    from sila_tui.space_reader import SpaceReader

REVEAL_S = 8.0
"""Long enough to read or copy a key, short enough for who walks away."""


class SecretsPane(Pane):
    """Lists secrets and keeps new ones."""

    MAIN = SecretList
    BINDING_GROUP_TITLE = "Secrets"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("v", "reveal", "Show"),
        Binding("y", "copy", "Copy"),
        Binding("n", "set", "New or change"),
        Binding("d,delete", "delete", "Delete", show=False),
    ]

    def __init__(self, session: Session, reader: SpaceReader) -> None:
        super().__init__(session, reader, "secrets")

    def compose(self) -> ComposeResult:
        """Builds the list."""
        yield SecretList()

    @property
    def _list(self) -> SecretList:
        return self.query_one(SecretList)

    async def open(self, tree: str) -> None:
        """Shows the names."""
        await self.reload()

    async def reload(self) -> None:
        """Shows the names as they are now."""
        self._list.show(await self.reader.secret_names())

    @on(SecretList.Chosen)
    def action_reveal(self) -> None:
        """Shows the value under the cursor for a few seconds."""
        name = self._list.name_at_cursor
        if name is None:
            return

        async def job() -> None:
            self._list.reveal(name, await self.reader.secret(name))
            self.set_timer(REVEAL_S, self._list.mask)

        run_job(self, job, group="secret")

    def action_copy(self) -> None:
        """Copies the value under the cursor without showing it."""
        name = self._list.name_at_cursor
        if name is None:
            return

        async def job() -> None:
            copy(self, await self.reader.secret(name), name)

        run_job(self, job, group="secret")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offers to delete where there is a secret."""
        if action == "delete":
            return any(rows.name_at_cursor is not None for rows in below(self, SecretList))
        return True

    def action_delete(self) -> None:
        """Deletes the secret under the cursor once somebody said yes: nothing brings it back."""
        name = self._list.name_at_cursor
        if name is None:
            return

        async def job() -> None:
            await self.reader.unset_secret(name)
            self.app.notify(f"Deleted {name}", timeout=4, markup=False)
            await self.reload()

        def answered(is_meant: bool | None) -> None:
            if is_meant:
                run_job(self, job, group="secret")

        question = f"Delete {name}? Nothing brings it back: the servers that have it forget it too."
        self.app.push_screen(ConfirmDialog(question, "delete it"), answered)

    def action_set(self) -> None:
        """Asks for a name and a value and keeps them."""

        def answered(values: dict[str, str] | None) -> None:
            if values is None:
                return

            async def job() -> None:
                await self.reader.set_secret(values["name"], values["value"])
                await self.reload()

            run_job(self, job, group="secret")

        fields = [
            Field("name", "Name", self._list.name_at_cursor or "", "api-key-openai"),
            Field("value", "Value", is_secret=True),
        ]
        self.app.push_screen(FormDialog("Keep a secret", fields), answered)
