"""One client on the control socket: its requests, its answers, its subscription."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from sila_daemon.control.error_codes import refused, to_wire
from sila_daemon.control.limits import LINE_BYTES_MAX
from sila_daemon.control.lines import decode_line, encode_line
from sila_daemon.control.messages import Params, SubscribeParams
from sila_daemon.control.methods import METHODS
from sila_daemon.control.results import Subscribed
from sila_daemon.core.errors import SilaError

if TYPE_CHECKING:
    from sila_daemon.control.activity import ActivityLog, Event

REQUESTS_RUNNING_MAX = 16
"""A client that sends more is not read until one of them is answered."""

EVENTS_WAITING_MAX = 1000
"""A subscriber that lags further is told of the gap and dropped."""

CANCEL = b"$/cancelRequest"
"""The notification by which a client ends a request of its own."""

Handler = Callable[[Any], Awaitable[Any]]
"""Takes the checked parameters of its method and returns its result."""


class Connection:
    """Answers one client until it hangs up; then what runs is finished, and nothing is written."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        handlers: Mapping[str, Handler],
        activity: ActivityLog,
        report_bug: Callable[[str, Exception], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._handlers = handlers
        self._activity = activity
        self._report_bug = report_bug
        self._writing = asyncio.Lock()
        self._running = asyncio.Semaphore(REQUESTS_RUNNING_MAX)
        self._waiting: deque[Event] = deque()
        self._news = asyncio.Event()
        self._end_subscription: Callable[[], None] | None = None
        self._tasks: dict[int | str, asyncio.Task[None]] = {}
        """What may be ended of what is worked on, by the ids of the requests."""
        self._cancelled: set[int | str] = set()

    async def run(self) -> None:
        """Serves until the client hangs up or breaks the rules of the protocol."""
        try:
            async with asyncio.TaskGroup() as group:
                pump = group.create_task(self._send_events(), name="control-events")
                async with asyncio.TaskGroup() as requests:
                    await self._read(requests)
                pump.cancel()
        finally:
            if self._end_subscription is not None:
                self._end_subscription()
            self._writer.close()

    async def _read(self, requests: asyncio.TaskGroup) -> None:
        while True:
            try:
                line = await self._reader.readuntil(b"\n")
            except asyncio.IncompleteReadError as end:
                if not end.partial.strip():
                    return
                line = end.partial
            except asyncio.LimitOverrunError:
                limit = refused("line_too_long", f"a request may have {LINE_BYTES_MAX} bytes")
                message = {"jsonrpc": "2.0", "id": None, "error": to_wire(limit)}
                await self._send(encode_line(message))
                return
            except ConnectionError:
                return
            if not line.strip() or self._cancel(line):
                continue
            await self._running.acquire()
            requests.create_task(self._answer(line), name="control-request")

    def _cancel(self, line: bytes) -> bool:
        """Ends the work on a request if the line says so; whose work is over already is nothing."""
        if CANCEL not in line:
            return False
        with contextlib.suppress(ValueError):
            found = decode_line(line)
            if isinstance(found, dict) and found.get("method") == CANCEL.decode():
                params = found.get("params")
                request_id = params.get("id") if isinstance(params, dict) else None
                if isinstance(request_id, (int, str)) and request_id in self._tasks:
                    self._cancelled.add(request_id)
                    self._tasks[request_id].cancel()
                return True
        return False

    async def _answer(self, line: bytes) -> None:
        """Answers one line, whatever it holds."""
        request_id: Any = None
        try:
            request_id, method, given = _request(line)
            answer = await self._cancellable(request_id, method, given)
        except SilaError as error:
            answer = encode_line({"jsonrpc": "2.0", "id": request_id, "error": to_wire(error)})
        try:
            await self._send(answer)
        finally:
            self._running.release()

    async def _cancellable(self, request_id: int | str, name: str, given: Any) -> bytes:
        """Answers a call, or raises ControlError when its client no longer wants it."""
        task, method = asyncio.current_task(), METHODS.get(name)
        if task is None or method is None or not method.may_end or request_id in self._tasks:
            return await self._call(request_id, name, given)
        self._tasks[request_id] = task
        try:
            return await self._call(request_id, name, given)
        except asyncio.CancelledError:
            if request_id not in self._cancelled:
                raise
            task.uncancel()
            raise refused("cancelled", f"{name} was cancelled") from None
        finally:
            del self._tasks[request_id]
            self._cancelled.discard(request_id)

    async def _call(self, request_id: int | str, name: str, given: Any) -> bytes:
        """Returns the answer's line. Raises SilaError, also for a bug in the handler."""
        method = METHODS.get(name)
        if method is None:
            hint = "the daemon is older than its client: restart it with sila-daemon restart"
            raise refused("unknown_method", f"there is no method {name!a:.80}", hint)
        try:
            params: Params = msgspec.convert(given, method.params)
        except msgspec.ValidationError as error:
            raise refused("invalid_params", f"{name}: {error}") from error
        try:
            if isinstance(params, SubscribeParams):
                result: Any = self._subscribe(params)
            else:
                result = await self._handlers[name](params)
            return encode_line({"jsonrpc": "2.0", "id": request_id, "result": result})
        except SilaError:
            raise
        except Exception as error:
            self._report_bug(name, error)
            raise SilaError(
                f"{name} failed inside the daemon: {type(error).__name__}",
                hint="the daemon's log has the details; please report it",
            ) from error

    def _subscribe(self, params: SubscribeParams) -> Subscribed:
        """Begins, or begins anew, with what the client has not seen yet."""
        activity = self._activity
        same_run = params.epoch in (None, activity.epoch)
        after = activity.latest if params.after is None else params.after
        seen = after if same_run and after <= activity.latest else 0
        if self._end_subscription is not None:
            self._end_subscription()
        self._waiting.clear()
        self._waiting.extend(activity.after(seen)[-EVENTS_WAITING_MAX:])
        self._news.set()
        self._end_subscription = activity.listen(self._enqueue)
        first = self._waiting[0]["id"] if self._waiting else activity.latest + 1
        gap = first > seen + 1 or (params.after is not None and not same_run)
        return Subscribed(
            epoch=activity.epoch, oldest=activity.oldest, latest=activity.latest, gap=gap
        )

    def _enqueue(self, event: Event) -> None:
        if len(self._waiting) < EVENTS_WAITING_MAX:
            self._waiting.append(event)
        else:
            if self._end_subscription is not None:
                self._end_subscription()
                self._end_subscription = None
            last_sent = self._waiting[0]["id"] - 1
            self._waiting.clear()
            self._waiting.append({"id": last_sent, "kind": "gap", "space": None, "at": event["at"]})
        self._news.set()

    async def _send_events(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                event = self._waiting.popleft()
                message = {"jsonrpc": "2.0", "method": "event", "params": event}
                await self._send(encode_line(message))

    async def _send(self, line: bytes) -> None:
        """Writes one line; waits while the client does not read. A client that left is quiet."""
        async with self._writing:
            if self._writer.is_closing():
                return
            try:
                self._writer.write(line)
                await self._writer.drain()
            except ConnectionError:
                self._writer.close()


def _request(line: bytes) -> tuple[int | str, str, Any]:
    """Returns id, method and parameters of a request. Raises ControlError."""
    try:
        found = decode_line(line)
    except ValueError as error:
        raise refused("parse_error", f"not a line of JSON: {error}") from error
    if not isinstance(found, dict) or found.get("jsonrpc") != "2.0":
        raise refused("invalid_request", "not a JSON-RPC 2.0 request (one object a line)")
    request_id, method = found.get("id"), found.get("method")
    if not isinstance(request_id, (int, str)) or isinstance(request_id, bool):
        raise refused("invalid_request", "a request needs an id: a number or a string")
    if not isinstance(method, str):
        raise refused("invalid_request", "a request needs a method")
    return request_id, method, found.get("params", {})
