"""What the screen waits for: calls that take longer than a moment are told, and can be let go."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import SilaError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

SLOW_S = 0.3
"""What takes longer is told."""
SAID = {
    "space.sync": "a sync",
    "space.create": "the new space",
    "space.add": "the space to be read",
    "space.clone": "the space to come",
    "space.add_server": "the server",
    "space.remote_list": "the server's list of spaces",
    "space.search": "the search",
    "server.login": "the server to let you in",
    "file.get": "the file",
    "file.put": "the file to be read",
    "file.list": "the files",
    "file.head": "the file",
    "chat.show": "the chat",
    "chat.list": "the chats",
    "chat.new": "the new chat",
    "chat.send": "the message to be kept",
    "edit.apply": "the change to be kept",
    "tree.list": "the trees",
    "vertex.get": "the vertex",
    "vertex.children": "the tree",
    "trash.list": "the trash",
    "outbox.list": "what waits",
}
"""What a method is for, in the words of the sentence `waiting for ...`."""


LET_GO = "let_go"
"""The code of the error that ends a wait because a person waits no longer."""


@dataclass(eq=False)
class Wait:
    """One call under way."""

    method: str
    since: float
    """The event loop's time."""
    task: asyncio.Task[Any]
    is_let_go: bool = False

    @property
    def said(self) -> str:
        """What is waited for."""
        return SAID.get(self.method, self.method)


class Waits:
    """The calls under way, the oldest first."""

    def __init__(self) -> None:
        self._under_way: list[Wait] = []
        self.listeners: set[Callable[[], None]] = set()
        """Called when something became slow, and when something slow ended."""

    async def watch(self, method: str, call: Coroutine[Any, Any, Any]) -> Any:
        """Gives what a call gives. Raises SilaError with LET_GO when a person waits no longer."""
        loop = asyncio.get_running_loop()
        wait = Wait(method, loop.time(), loop.create_task(call, name=f"call {method}"))
        self._under_way.append(wait)
        alarm = loop.call_later(SLOW_S, self._tell)
        try:
            return await wait.task
        except asyncio.CancelledError:
            if not wait.is_let_go:
                raise
            text = f"you no longer wait for {wait.said}"
            hint = "what only reads ends; the daemon finishes what changes something"
            raise SilaError(text, code=LET_GO, hint=hint) from None
        finally:
            alarm.cancel()
            self._under_way.remove(wait)
            if loop.time() - wait.since >= SLOW_S:
                self._tell()

    def _tell(self) -> None:
        for listener in tuple(self.listeners):
            listener()

    @property
    def seconds(self) -> float:
        """How long the oldest of them has been under way."""
        slow = self.slow
        return asyncio.get_running_loop().time() - slow[0].since if slow else 0.0

    @property
    def slow(self) -> list[Wait]:
        """Those that take longer than a moment."""
        if not self._under_way:
            return []
        now = asyncio.get_running_loop().time()
        return [wait for wait in self._under_way if now - wait.since >= SLOW_S]

    def is_slow_since(self, begun: float) -> bool:
        """Whether something is told to take long that began then or later, in the loop's time."""
        return any(wait.since >= begun for wait in self.slow)

    def let_go(self) -> None:
        """Waits no longer for what is slow."""
        for wait in self.slow:
            wait.is_let_go = True
            wait.task.cancel()
