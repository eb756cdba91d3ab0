"""The client for long-lived programs: many calls at once, and the daemon's events."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sila_daemon.control.error_codes import connection_lost, from_wire, not_running, refused
from sila_daemon.control.limits import checked_request
from sila_daemon.control.lines import decode_line, encode_line
from sila_daemon.control.peer import peer_uid
from sila_daemon.core.errors import SilaError

ANSWER_BYTES_MAX = 256 << 20
"""The daemon is trusted; this only bounds what a broken one can do."""

_LOST = "the connection to the daemon is lost"

EVENTS_WAITING_MAX = 5000
"""Events that nobody takes are dropped beyond this, and the gap is told."""


Observe = Callable[[str, float, int, int, str], None]
"""Told of every call that ended: method, seconds, bytes sent and received, code of its error."""


class ControlClient:
    """A connection to the daemon. Every call raises what the daemon answered with."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        observe: Observe | None = None,
    ) -> None:
        """Use `connect`."""
        self._observe = observe
        self._received: dict[int, int] = {}
        self._reader = reader
        self._writer = writer
        self._next_id = 1
        self._calls: dict[int, asyncio.Future[Any]] = {}
        self._events: deque[dict[str, Any]] = deque()
        self._news = asyncio.Event()
        self._is_lost = False
        self._task = asyncio.get_running_loop().create_task(self._read(), name="control-client")

    @classmethod
    async def connect(cls, socket_path: Path, observe: Observe | None = None) -> ControlClient:
        """Connects; `observe` is told of every call.

        Raises DaemonNotRunningError, or ControlError for another user's socket.
        """
        try:
            reader, writer = await asyncio.open_unix_connection(
                os.fspath(socket_path), limit=ANSWER_BYTES_MAX
            )
        except (FileNotFoundError, ConnectionRefusedError):
            raise not_running() from None
        except OSError as error:
            raise refused("socket", f"cannot reach {socket_path}: {error.strerror}") from error
        if peer_uid(writer.get_extra_info("socket")) not in (None, os.getuid()):
            writer.close()
            raise refused("foreign_daemon", f"{socket_path} belongs to another user")
        return cls(reader, writer, observe)

    @property
    def is_lost(self) -> bool:
        """Whether the daemon hung up; every call from now on fails."""
        return self._is_lost

    async def call(self, method: str, /, **params: Any) -> Any:
        """Calls one method; parameters that are None are left out.

        When the call is cancelled, so is the work on it at the daemon.
        """
        if self._is_lost:
            raise connection_lost(_LOST)
        request_id, self._next_id = self._next_id, self._next_id + 1
        given = {name: value for name, value in params.items() if value is not None}
        request = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": given}
        line = checked_request(encode_line(request))
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._calls[request_id] = answer
        began, code = loop.time(), "let_go"
        try:
            self._writer.write(line)
            await self._writer.drain()
            result = await answer
            code = ""
            return result
        except ConnectionError:
            code = "connection_lost"
            raise connection_lost(_LOST) from None
        except SilaError as error:
            code = error.code
            raise
        except asyncio.CancelledError:
            self._cancel(request_id)
            raise
        finally:
            self._calls.pop(request_id, None)
            received = self._received.pop(request_id, 0)
            if self._observe is not None:
                self._observe(method, loop.time() - began, len(line), received, code)

    def _cancel(self, request_id: int) -> None:
        """Has the daemon end what nobody waits for any more; both answers are passed over.

        It goes with an id of its own: a daemon that does not know it refuses just that request.
        """
        if not self._is_lost and not self._writer.is_closing():
            own_id, self._next_id = self._next_id, self._next_id + 1
            self._writer.write(
                encode_line(
                    {
                        "jsonrpc": "2.0",
                        "id": own_id,
                        "method": "$/cancelRequest",
                        "params": {"id": request_id},
                    }
                )
            )

    async def events(
        self, after: int | None = None, epoch: str | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Yields events from now on, or those after `after` in the run `epoch`.

        The first item is `{"kind": "subscribed", "epoch", "oldest", "latest", "gap"}`. An event of
        kind `gap` ends the iteration: more happened than was taken; ask for everything anew and
        subscribe again. Raises ControlError when the connection is lost.
        """
        answer = await self.call("events.subscribe", after=after, epoch=epoch)
        yield {"kind": "subscribed", **answer}
        while True:
            while self._events:
                event = self._events.popleft()
                yield event
                if event["kind"] == "gap":
                    return
            if self._is_lost:
                raise connection_lost(_LOST)
            self._news.clear()
            await self._news.wait()

    async def close(self) -> None:
        """Hangs up; calls that wait fail."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._writer.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _read(self) -> None:
        try:
            while line := await self._reader.readline():
                self._take(decode_line(line), len(line))
        except (ConnectionError, ValueError):
            pass
        finally:
            self._is_lost = True
            self._news.set()
            for answer in self._calls.values():
                if not answer.done():
                    answer.set_exception(connection_lost(_LOST))

    def _take(self, message: dict[str, Any], size_bytes: int) -> None:
        if "method" in message:
            if len(self._events) >= EVENTS_WAITING_MAX:
                last_taken = self._events[0]["id"] - 1
                self._events.clear()
                self._events.append({"id": last_taken, "kind": "gap", "space": None})
            else:
                self._events.append(message["params"])
            self._news.set()
            return
        if message.get("id") is None and "error" in message:
            # A line of ours was not read: whose it was is not said, and nobody may wait for ever.
            for waiting in self._calls.values():
                if not waiting.done():
                    waiting.set_exception(from_wire(message["error"]))
            return
        answer = self._calls.get(message.get("id") or 0)
        if answer is None or answer.done():
            return
        self._received[message["id"]] = size_bytes
        if "error" in message:
            answer.set_exception(from_wire(message["error"]))
        else:
            answer.set_result(message["result"])
