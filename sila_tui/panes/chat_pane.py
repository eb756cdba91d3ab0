"""A chat: its messages and the lines to write in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on

from sila_daemon.core.errors import SilaError
from sila_tui.jobs import run_job
from sila_tui.panes.pane import Pane
from sila_tui.widgets.chat_log import ChatLog
from sila_tui.widgets.composer import Composer

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sila_tui.session import Session
    from sila_tui.space_reader import SpaceReader


class ChatPane(Pane):
    """Reads, branches and writes; what is not sent stays as a draft of its chat."""

    DEFAULT_CSS = "ChatPane { layout: vertical; } ChatPane ChatLog { height: 1fr; }"

    def __init__(self, session: Session, reader: SpaceReader) -> None:
        super().__init__(session, reader, "chat")
        self._tree = ""

    def compose(self) -> ComposeResult:
        """Builds the messages above the lines to write in."""
        yield ChatLog(self.session)
        yield Composer()

    @property
    def _log(self) -> ChatLog:
        return self.query_one(ChatLog)

    async def open(self, tree: str) -> None:
        """Shows a chat from its end, with the draft that was left in it."""
        chat = await self.reader.chat(tree)
        self._tree = tree
        self.query_one(Composer).text = self.session.drafts.get((self.reader.space_id, tree), "")
        self._log.show(chat, keep_place=False)

    async def reload(self) -> None:
        """Shows what came; a reader in the middle stays where he is."""
        if self._tree:
            self._log.show(await self.reader.chat(self._tree), keep_place=True)

    async def go_to(self, vertex: str) -> bool:
        """Goes to a message, if it is on the branch that is shown."""
        chat = await self.reader.chat(self._tree)
        ids = [message.id for message in chat.messages]
        if vertex not in ids:
            return False
        self._log.show(chat, keep_place=True)
        self.call_after_refresh(self._log.action_go, ids.index(vertex))
        return True

    def enter(self) -> None:
        """Goes to the messages."""
        self._log.focus()

    @on(Composer.Changed)
    def keep_draft(self) -> None:
        """Keeps what is not sent, wherever a person goes."""
        if self._tree:
            key = (self.reader.space_id, self._tree)
            self.session.drafts[key] = self.query_one(Composer).text

    @on(ChatLog.WriteWanted)
    def write(self) -> None:
        """Goes to the lines to write in."""
        self.query_one(Composer).focus()

    @on(Composer.LeftAlone)
    def read(self) -> None:
        """Goes back to the messages."""
        self._log.focus()

    @on(Composer.Sent)
    def send(self, event: Composer.Sent) -> None:
        """Sends; the text leaves the lines only when the daemon has it."""
        tree, text = self._tree, event.text

        async def job() -> None:
            box = self.query_one(Composer)
            box.read_only = True
            try:
                await self.reader.send(tree, text)
            finally:
                box.read_only = False
            if self._tree == tree:
                box.text = ""
                self._log.show(await self.reader.chat(tree), keep_place=False)

        run_job(self, job, group="send")

    @on(ChatLog.Turned)
    def turn(self, event: ChatLog.Turned) -> None:
        """Shows another branch, for everybody who has the chat."""

        async def job() -> None:
            try:
                await self.reader.turn(self._tree, event.message, event.step)
            except SilaError as exc:
                exc.hint = exc.hint or "the branch was not changed"
                raise
            self._log.show(await self.reader.chat(self._tree), keep_place=True)

        run_job(self, job, group="turn")
