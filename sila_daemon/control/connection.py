"""One client on the control socket: its requests, its answers, its subscription."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
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
"""So many requests of a client are worked on at a time; more wait for a place."""

WAITING_BYTES_MAX = 1 << 16
"""Once so much of a client waits for a place, it is not read; up to then it is heard what it
takes back."""

EVENTS_WAITING_MAX = 1000
"""A subscriber that lags further is told of the gap and dropped."""

CANCEL = "$/cancelRequest"
"""The method by which a client ends a request of its own; without an id it is not answered."""

Handler = Callable[[Any], Awaitable[Any]]
"""Takes the checked parameters of its method and returns its result."""


@dataclass(slots=True, eq=False)
class _Request:
    id: int | str
    method: str
    given: Any
    size: int
    """Bytes of its line, until it has a place or is answered."""
    task: asyncio.Task[None] | None = None
    has_begun: bool = False
    is_cancelled: bool = False
    """By its client."""


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
        self._may_end: dict[int | str, _Request] = {}
        """What its client may end of what is not answered yet, by id."""
        self._waiting_bytes = 0
        self._eased = asyncio.Event()
        """Less waits than before."""

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
        while (line := await self._line()) is not None:
            if not line.strip():
                continue
            try:
                found = _message(line)
                if found.get("method") == CANCEL:
                    self._cancel(found.get("params"))
                    if "id" in found:
                        await self._send(_answer_line(_request_id(found), {}))
                else:
                    self._begin(_request(found, len(line)), requests)
            except SilaError as error:
                await self._send(_refusal(None, error))
            while self._waiting_bytes > WAITING_BYTES_MAX:
                self._eased.clear()
                await self._eased.wait()

    async def _line(self) -> bytes | None:
        """Returns the next line; None where there is none, or one that breaks the rules."""
        try:
            return await self._reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as end:
            return end.partial or None
        except asyncio.LimitOverrunError:
            limit = refused("line_too_long", f"a request may have {LINE_BYTES_MAX} bytes")
            await self._send(_refusal(None, limit))
        except ConnectionError:
            pass
        return None

    def _cancel(self, params: Any) -> None:
        """Ends the work on a request; whose work is over already is nothing."""
        request_id = params.get("id") if isinstance(params, dict) else None
        if isinstance(request_id, bool) or not isinstance(request_id, (int, str)):
            return
        request = self._may_end.get(request_id)
        if request is not None and not request.is_cancelled:
            request.is_cancelled = True
            if request.task is not None and request.has_begun:
                request.task.cancel()  # Before that it would end without an answer.

    def _begin(self, request: _Request, requests: asyncio.TaskGroup) -> None:
        self._waiting_bytes += request.size
        request.task = requests.create_task(self._answer(request), name="control-request")
        method = METHODS.get(request.method)
        if method is not None and method.may_end:
            self._may_end.setdefault(request.id, request)

    def _waits_no_more(self, request: _Request) -> None:
        self._waiting_bytes -= request.size
        request.size = 0
        self._eased.set()

    async def _answer(self, request: _Request) -> None:
        """Answers one request once there is a place for it, which it has until that is sent."""
        try:
            async with contextlib.AsyncExitStack() as place:
                try:
                    answer = await self._cancellable(request, place)
                except SilaError as error:
                    answer = _refusal(request.id, error)
                await self._send(answer)
        finally:
            self._waits_no_more(request)

    async def _cancellable(self, request: _Request, place: contextlib.AsyncExitStack) -> bytes:
        """Answers a call, or raises ControlError when its client no longer wants it."""
        taken_back = refused("cancelled", f"{request.method:.80} was cancelled")
        try:
            if request.is_cancelled:
                raise taken_back
            request.has_begun = True
            await place.enter_async_context(self._running)
            self._waits_no_more(request)
            return await self._call(request.id, request.method, request.given)
        except asyncio.CancelledError:
            if not request.is_cancelled or request.task is None or request.task.uncancel():
                raise  # The connection ends, maybe besides.
            raise taken_back from None
        finally:
            if self._may_end.get(request.id) is request:
                del self._may_end[request.id]

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
            return _answer_line(request_id, result)
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


def _message(line: bytes) -> dict[str, Any]:
    """Returns what a line says. Raises ControlError."""
    try:
        found = decode_line(line)
    except ValueError as error:
        raise refused("parse_error", f"not a line of JSON: {error}") from error
    if not isinstance(found, dict) or found.get("jsonrpc") != "2.0":
        raise refused("invalid_request", "not a JSON-RPC 2.0 request (one object a line)")
    return found


def _request(found: dict[str, Any], size: int) -> _Request:
    """Returns a request whose line had `size` bytes. Raises ControlError."""
    request_id, method = _request_id(found), found.get("method")
    if not isinstance(method, str):
        raise refused("invalid_request", "a request needs a method")
    return _Request(request_id, method, found.get("params", {}), size)


def _request_id(found: dict[str, Any]) -> int | str:
    request_id = found.get("id")
    if not isinstance(request_id, (int, str)) or isinstance(request_id, bool):
        raise refused("invalid_request", "a request needs an id: a number or a string")
    return request_id


def _answer_line(request_id: int | str, result: Any) -> bytes:
    return encode_line({"jsonrpc": "2.0", "id": request_id, "result": result})


def _refusal(request_id: int | str | None, error: SilaError) -> bytes:
    return encode_line({"jsonrpc": "2.0", "id": request_id, "error": to_wire(error)})
