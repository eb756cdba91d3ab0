"""The list of chats of a space as it is changed: made, renamed, deleted, and taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core.errors import SilaError
from sila_tui.chat_keeper import ChatKeeper
from sila_tui.jobs import run_job
from sila_tui.panes.chat_pane import ChatPane
from sila_tui.panes.editing import MASS_CHANGE
from sila_tui.widgets.dialogs import ConfirmDialog, Field, FormDialog
from sila_tui.widgets.sidebar import Sidebar

if TYPE_CHECKING:
    from collections.abc import Callable

    from sila_tui.outline import Item
    from sila_tui.screens.space import SpaceScreen


class ChatList:
    """Changes the chats of the space that a screen shows; the daemon remembers how to go back."""

    def __init__(self, screen: SpaceScreen) -> None:
        self._screen = screen

    @property
    def _keeper(self) -> ChatKeeper:
        return ChatKeeper(self._screen.sila.link, self._screen.reader.space_id)

    @property
    def at_cursor(self) -> Item | None:
        """The chat under the cursor of the sidebar."""
        item = self._screen.query_one(Sidebar).item
        return item if item is not None and item.view == "chat" else None

    @property
    def at_hand(self) -> Item | None:
        """The chat that a command means: under the cursor of the sidebar, else in front."""
        if self._screen.focused is self._screen.query_one(Sidebar):
            return self.at_cursor
        shown = self._screen.slots.active.shown
        return self._screen.outline.chat(shown.tree) if shown and shown.view == "chat" else None

    def _folder(self) -> tuple[str, str]:
        """What a new chat stands below, and its title: where the chat at hand stands."""
        beside = self.at_hand
        if beside is None or not beside.depth > 1:
            return "", ""
        items = self._screen.outline.items(with_trees=False)
        at = items.index(beside)
        above = next(item for item in reversed(items[:at]) if item.depth == beside.depth - 1)
        return beside.above, above.title

    def ask(self, what: str) -> None:
        """Begins what a key means: `new`, `rename`, `delete` or `undo`."""
        acts = {
            "new": self._ask_new,
            "rename": self._ask_rename,
            "delete": self._delete,
            "undo": self._undo,
        }
        acts[what]()

    def _ask_new(self) -> None:
        """Asks for the name of a new chat."""
        _, title = self._folder()
        heading = f"New chat in {title}" if title else "New chat"
        self._ask_name(heading, "", self.make)

    def _ask_rename(self) -> None:
        """Asks for another name of the chat under the cursor."""
        item = self.at_cursor
        if item is not None:
            self._ask_name("Rename the chat", item.title, lambda name: self.rename(item, name))

    def _ask_name(self, heading: str, value: str, answered: Callable[[str], None]) -> None:
        def take(said: dict[str, str] | None) -> None:
            if said is not None:
                answered(said["name"])

        form = FormDialog(heading, [Field("name", "Name", value, "Plans for spring")])
        self._screen.app.push_screen(form, take)

    def make(self, name: str) -> None:
        """Makes a chat beside the one at hand, and goes to its lines to write in."""
        screen, keeper, (above, _) = self._screen, self._keeper, self._folder()

        async def job() -> None:
            tree = await keeper.make(name, above)
            self._kept(f"Made {name}")
            await screen.load_outline()
            item = screen.outline.chat(tree)
            if item is None:
                return
            screen.add_class("-reading")
            pane = await screen.open(item)
            screen.query_one(Sidebar).point_at("chat", tree)
            if isinstance(pane, ChatPane):
                pane.write()

        run_job(screen, job, group="show")

    def rename(self, item: Item, name: str) -> None:
        """Gives a chat another name."""
        keeper = self._keeper

        async def job() -> None:
            await keeper.rename(item.tree, name)
            self._kept(f"Renamed {item.title}")
            await self._screen.load_outline()

        run_job(self._screen, job, group="chats")

    def _delete(self) -> None:
        """Moves the chat under the cursor to the trash; it comes back with an undo."""
        item, keeper = self.at_cursor, self._keeper
        if item is None:
            return

        async def job() -> None:
            try:
                await keeper.delete(item.tree)
            except SilaError as error:
                if error.code != MASS_CHANGE:
                    raise
                question = ConfirmDialog(error.message, "yes, I mean it")
                if not await self._screen.app.push_screen_wait(question):
                    return
                await keeper.delete(item.tree, is_meant=True)
            self._kept(f"Deleted {item.title}")
            await self._screen.load_outline()

        run_job(self._screen, job, group="chats")

    def _undo(self) -> None:
        """Takes back the last edit of the space, unless somebody changed that since."""
        keeper = self._keeper

        async def job() -> None:
            undone = await keeper.undo()
            self._screen.app.notify(f"Undone: {undone}", timeout=4, markup=False)
            await self._screen.load_outline()

        run_job(self._screen, job, group="chats")

    def _kept(self, title: str) -> None:
        self._screen.app.notify(f"{title}   u undoes it", timeout=4, markup=False)
