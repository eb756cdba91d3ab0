"""What sends messages into a chat, and knows when that was deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_tui.panes.editing import EditingPane
from sila_tui.widgets.chat_reader import ChatReader
from sila_tui.widgets.composer import Composer

if TYPE_CHECKING:
    from sila_tui.panes.chat_pane import Writing
    from sila_tui.session import Session
    from sila_tui.space_reader import SpaceReader
    from sila_tui.unread import Unread

GONE = "this chat was deleted"
COMES_BACK = "u in the list of chats takes back what was deleted here last"


class SendingPane(EditingPane):
    """Shows what it sends, and takes no words for a chat that was deleted."""

    _writing: Writing

    def __init__(self, session: Session, reader: SpaceReader, unread: Unread) -> None:
        super().__init__(session, reader, "chat")
        self._tree = ""
        self._is_gone = False
        self._unread = unread

    @property
    def _log(self) -> ChatReader:
        return self.query_one(ChatReader)

    def tell_gone(self, *, is_gone: bool) -> None:
        """Says whether the chat was deleted: then it can be read, and no longer written into."""
        if is_gone != self._is_gone:
            box = self.query_one(Composer)
            box.border_title = GONE if is_gone else self._writing.title
            box.read_only = self._is_gone = is_gone

    async def _send(self, tree: str, text: str) -> None:
        """Adds a message, which nobody here is told of as new, and goes to it."""
        with self._unread.writing(tree):
            await self.reader.send(tree, text)
            self._unread.wrote(tree)
            if self._tree == tree:
                chat = await self.reader.chat(tree)
                self._log.show(chat, keep_place=False)
                self._unread.shown(tree, len(chat.messages))
