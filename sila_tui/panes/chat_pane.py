"""A chat: its messages and the lines to write in."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on

from sila_daemon.core.errors import NotFoundError, SilaError
from sila_tui.chat_edits import new_version, other_words
from sila_tui.chat_markdown import chat_markdown
from sila_tui.jobs import run_job, tell
from sila_tui.panes.sending import COMES_BACK, GONE, SendingPane
from sila_tui.tree_edits import TreeEdit
from sila_tui.view_memory import text
from sila_tui.widgets.chat_log import ChatLog
from sila_tui.widgets.chat_reader import ChatReader
from sila_tui.widgets.composer import Composer
from sila_tui.widgets.dialogs import Field

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import ComposeResult

    from sila_tui.contents import Message, VertexFacts
    from sila_tui.desktop import Desktop
    from sila_tui.session import Session
    from sila_tui.space_reader import SpaceReader
    from sila_tui.unread import Unread
    from sila_tui.view_memory import State

DRAFTS = "drafts"


@dataclass(frozen=True)
class Writing:
    """What the lines are for: a new message, other words for one, or another version of it."""

    kind: str = "new"
    message: Message | None = None
    vertex: VertexFacts | None = None
    start: str = ""
    """The text that it began from: no draft while nothing was changed."""

    @property
    def title(self) -> str:
        """What a person is told that he writes."""
        titles = {"edit": "changing the message", "version": "another version of the message"}
        return titles.get(self.kind, "")

    def step(self, text: str) -> TreeEdit | None:
        """The edit that it comes to; None for a new message."""
        if self.message is None or self.vertex is None:
            return None
        if self.kind == "edit":
            return other_words(self.message, self.vertex.properties.get("text"), text)
        return new_version(self.message, self.vertex.parent, text)


class ChatPane(SendingPane):
    """Reads, branches and writes; what is not sent stays as a draft of its chat."""

    DEFAULT_CSS = "ChatPane { layout: vertical; } ChatPane ChatLog { height: 1fr; }"
    TAKES = frozenset({"send", "export"})
    MAIN = ChatLog
    BINDING_GROUP_TITLE = "Chat"

    def __init__(
        self, session: Session, reader: SpaceReader, unread: Unread, desktop: Desktop
    ) -> None:
        super().__init__(session, reader, unread)
        self._writing = Writing()
        self._desktop = desktop

    def compose(self) -> ComposeResult:
        """Builds the messages above the lines to write in."""
        yield ChatReader(self.session)
        yield Composer()

    async def open(self, tree: str) -> None:
        """Shows a chat from its end, with the draft that was left in it."""
        chat = await self.reader.chat(tree)
        self._tree = tree
        self.tell_gone(is_gone=False)
        self._write(Writing())
        self._log.show(chat, keep_place=False)
        self._unread.shown(tree, len(chat.messages))

    async def reload(self) -> None:
        """Shows what came; a reader in the middle stays where he is."""
        if self._tree:
            chat = await self.reader.chat(self._tree)
            self._log.show(chat, keep_place=True)
            self._unread.shown(self._tree, len(chat.messages))

    async def go_to(self, vertex: str) -> bool:
        """Goes to a message, if it is on the branch that is shown."""
        chat = await self.reader.chat(self._tree)
        self._log.show(chat, keep_place=True)
        return self._log.go_to(vertex)

    def kept(self) -> State:
        """The message under the cursor, unless it is the last one."""
        message = None if self._log.is_at_end else self._log.current
        return {"at": message.id} if message is not None else {}

    async def take_back(self, state: State) -> None:
        """Goes to the message, if it is on the branch that is shown."""
        self._log.go_to(text(state.get("at")))

    @property
    def _draft_key(self) -> str:
        about = self._writing.message
        tail = f"/{about.id}/{self._writing.kind}" if about else ""
        return f"{self.reader.space_id}/{self._tree}{tail}"

    def _write(self, writing: Writing) -> None:
        """Turns the lines to something, with the draft of it where there is one."""
        self._writing = writing
        draft = self.session.memory.text(DRAFTS, self._draft_key)
        title = GONE if self._is_gone else writing.title
        self.query_one(Composer).begin(draft or writing.start, title)

    @on(Composer.Changed)
    def keep_draft(self) -> None:
        """Keeps what is not sent, wherever a person goes."""
        if self._tree:
            text = self.query_one(Composer).text
            is_changed = text != self._writing.start
            self.session.memory.put(DRAFTS, self._draft_key, text if is_changed else None)

    @on(ChatLog.WriteWanted)
    def write(self) -> None:
        """Goes to the lines to write in."""
        self.query_one(Composer).focus()

    @on(Composer.LeftAlone)
    def read(self) -> None:
        """Goes back to the messages; a change that was begun can be gone on with later."""
        if self._writing.message is not None:
            self._write(Writing())
        self._log.focus()

    @on(Composer.Sent)
    def send(self, event: Composer.Sent) -> None:
        """Sends; the text leaves the lines only when the daemon has it."""
        if self._is_gone:
            tell(self, NotFoundError(GONE, hint=COMES_BACK))
            return
        tree, text, key = self._tree, event.text, self._draft_key
        step = self._writing.step(text)

        async def job() -> None:
            box = self.query_one(Composer)
            box.read_only = True
            try:
                if step is None:
                    await self._send(tree, text)
                else:
                    await self.keep(TreeEdit(step.title, step.edits, step.undo, tree))
            finally:
                box.read_only = self._is_gone
            self.session.memory.put(DRAFTS, key, None)
            if self._tree == tree:
                self._write(Writing())
                if step is not None:
                    self._log.show(await self.reader.chat(tree), keep_place=True)
                    self._log.focus()

        run_job(self, job, group="send")

    @on(Composer.EditorWanted)
    def go_on_in_editor(self) -> None:
        """Lends the terminal to the person's editor, and takes what was written there."""
        box = self.query_one(Composer)
        # Nothing may be drawn meanwhile, so the loop stands still; what happens is told afterwards.
        try:
            with nullcontext() if self.app.is_headless else self.app.suspend():
                text = self._desktop.edit(box.text)
        except SilaError as error:
            tell(self, error)
        else:
            box.begin(text, GONE if self._is_gone else self._writing.title)
        self.app.refresh(layout=True)

    @on(ChatLog.Asked)
    def asked(self, event: ChatLog.Asked) -> None:
        """Begins to change a message or to write another version, or saves the chat."""
        if event.what == "export":
            self._export()
            return
        tree, message = self._tree, event.message

        async def job() -> None:
            vertex = await self.reader.vertex(tree, message.id)
            before = vertex.properties.get("text")
            text = _sound(before) if isinstance(before, str) else ""
            self._write(Writing(event.what, message, vertex, text))
            self.query_one(Composer).focus()

        run_job(self, job, group="edit")

    def _export(self) -> None:
        fields = [Field("target", "Write it to", "~/chat.md", is_path=True)]
        self.ask("Save this chat as Markdown", fields, lambda said: self._export_to(said["target"]))

    def _export_to(self, target: str) -> None:
        tree = self._tree

        async def job() -> None:
            chat = await self.reader.chat(tree)
            text = chat_markdown(chat, self.session.say.time_of_day)
            await asyncio.to_thread(self._desktop.save, Path(target), text)
            self.app.notify(f"The chat is in {target}", markup=False)

        run_job(self, job, group="export")

    def take(self, name: str, given: Mapping[str, str]) -> None:
        """Does it at once; a draft stays as it is."""
        tree = self._tree
        if name == "export":
            self._export_to(str(Path(given["FILE"]).expanduser().absolute()))
            return

        if self._is_gone:
            raise NotFoundError(GONE, hint=COMES_BACK)

        async def job() -> None:
            await self._send(tree, given["TEXT"])

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


def _sound(text: str) -> str:
    """Text that can be written into a terminal and a file: halves of emoji are replaced."""
    return text.encode("utf-8", "replace").decode()
