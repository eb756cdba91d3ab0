"""What every pane has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Container
from textual.message import Message

from sila_tui.commanded import Commanded
from sila_tui.widgets.below import below
from sila_tui.widgets.chat_reader import ChatReader
from sila_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from textual.widget import Widget

    from sila_tui.content_news import AskedTree
    from sila_tui.session import Session
    from sila_tui.space_reader import SpaceReader
    from sila_tui.view_memory import State
    from sila_tui.widgets.filter_line import Filtered


class Pane(Commanded, Container):
    """One view of a part of a space."""

    MAIN: ClassVar[type[Widget]] = Container
    """What of it keys should move when one goes in."""
    FOLLOWS_SESSION: ClassVar[bool] = False
    """Whether that shows more than the contents, such as files on their way."""

    class LeftAlone(Message):
        """A person goes out of the pane."""

    def __init__(self, session: Session, reader: SpaceReader, name: str) -> None:
        super().__init__(id=f"pane-{name}")
        self.session = session
        self.reader = reader
        self.asked_tree: AskedTree | None = None
        """The one tree that is shown, where nothing else is."""

    async def open(self, tree: str) -> None:
        """Shows the part that `tree` names, from its beginning. Raises SilaError."""
        await self.reload()

    async def reload(self) -> None:
        """Shows the same part as it is now, without moving what a person looks at."""

    @property
    def is_outdated(self) -> bool:
        """Whether what is shown may have changed since it was asked for."""
        return self.asked_tree is None or self.asked_tree.is_outdated

    def tell_gone(self, *, is_gone: bool) -> None:
        """Says whether what is shown was deleted meanwhile."""

    def news(self) -> None:
        """Draws what the session tells of beside the contents."""
        if self.FOLLOWS_SESSION:
            self.query_one(self.MAIN).refresh()

    async def go_to(self, vertex: str) -> bool:
        """Goes to a vertex of what is shown; False when it is not there. Raises SilaError."""
        return False

    @property
    def filtered(self) -> Filtered | None:
        """What of it can be filtered."""
        # A pane that is taken down has nothing any more.
        main = next(iter(below(self, self.MAIN)), None)
        return main if isinstance(main, RowList | ChatReader) else None

    def all_kept(self) -> State:
        """What is remembered of it: where a person stands, and the filter."""
        rows = self.filtered
        words = rows.shown_rows.wish if rows is not None else ""
        return {**self.kept(), "filter": words} if words else self.kept()

    def kept(self) -> State:
        """Where a person stands here, to be remembered; empty at the beginning."""
        return {}

    async def take_back(self, state: State) -> None:
        """Goes to where a person stood, as far as that is still there. Raises SilaError."""

    def enter(self) -> None:
        """Takes the focus to what keys should move."""
        for main in self.query(self.MAIN):
            main.focus()
            return
