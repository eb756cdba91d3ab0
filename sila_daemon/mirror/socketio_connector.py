"""The real network: python-socketio over a websocket, aiohttp for requests.

The library's own reconnecting is switched off, and so are its calls: it neither fails them when
the connection ends nor keeps their order with events. Here both come through one queue.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
from collections import deque
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import Raw

from sila_daemon.core import wire_json
from sila_daemon.core.errors import (
    RemoteRefusedError,
    RemoteUnavailableError,
    SignInNeededError,
)
from sila_daemon.mirror.answer_time import AnswerTime
from sila_daemon.mirror.connector import Answer, Body, Connection, Event, Incoming, Response
from sila_daemon.ports.lean_imports import left_out
from sila_daemon.ports.network_reason import network_reason

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    import aiohttp

CONNECT_TIMEOUT_S = 20.0
READ_TIMEOUT_S = 60.0
"""Without a single byte of a body."""

INBOX_BYTES_ROOMY = 4 << 20
"""With more than this received and not handled yet, nothing more is read for a while."""

PAUSE_S_MAX = 4.0
"""So long at most, since pings would not be read either, and the server would think us gone."""

INBOX_BYTES_MAX = 128 << 20
"""Where even then nothing is handled: with more than this the connection is dropped and resumed
from its cursor later."""

_NO_GREETING = (TimeoutError, OSError, ValueError, LookupError, TypeError, AttributeError)
"""The library takes a greeting apart as it comes: it may be somebody else's."""

CHUNK_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Pace:
    """How slowly a body may come: whoever sends less holds up what waits for its turn."""

    size: int = 16 << 10
    """Bytes."""
    seconds: float = 300.0
    answer_s: float = 300.0
    """So long it may take what it is sent, piece by piece, and then send its headers."""


@cache
def _raw_packets() -> type:
    """Makes the class of packets whose payloads stay text.

    The library's `json=` would be set for every client and server of the process.
    """
    from socketio import packet

    return type("RawPacket", (packet.Packet,), {"json": wire_json})


def load_libraries() -> None:
    """Loads what a connection needs; blocking.

    Socket.IO would load clients for requests that block, and for Redis: ten megabytes.
    """
    with left_out("redis", "requests"):
        importlib.import_module("socketio")
    importlib.import_module("aiohttp")


class SocketIoConnector:
    """Reaches servers from one HTTP session; `close` ends it."""

    def __init__(self, slowest: Pace | None = None) -> None:
        self._slowest = slowest or Pace()
        self._session: aiohttp.ClientSession | None = None
        self._are_libraries_loaded = False

    async def close(self) -> None:
        """Closes idle connections; those that are in use must have ended."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def connect(self, server_url: str, space_id: str, auth: Mapping[str, Any]) -> Connection:
        """Joins a space over a websocket."""
        await self._load_libraries()
        import aiohttp
        import socketio

        client = socketio.AsyncClient(
            reconnection=False,
            serializer=_raw_packets(),
            handle_sigint=False,
            # The library leaves a session of its own open when a connection fails.
            http_session=(session := _PatientSession(self._http())),
            websocket_extra_options={"max_msg_size": 0},
        )
        connection = _SocketIoConnection(client, f"/spaces/{space_id}")
        session.room = connection.room
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await client.connect(
                    server_url,
                    auth=dict(auth),
                    namespaces=[connection.namespace],
                    transports=["websocket"],
                    wait_timeout=CONNECT_TIMEOUT_S,
                )
        except (socketio.exceptions.ConnectionError, aiohttp.ClientError, *_NO_GREETING) as error:
            await session.leave()
            await connection.close()
            raise connection.refusal(server_url, error) from error
        except BaseException:
            await connection.close()
            raise
        return connection

    @asynccontextmanager
    async def request(
        self,
        method: str,
        server_url: str,
        path: str,
        *,
        token: str,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> AsyncIterator[Response]:
        """Makes a request; the response is open as long as the context."""
        await self._load_libraries()
        import aiohttp

        all_headers = {"Authorization": f"Bearer {token}", **(headers or {})}
        session, url = self._http(), f"{server_url}{path}"
        time = AnswerTime(self._slowest.answer_s)
        try:
            async with time:
                data = body if body is None or isinstance(body, bytes) else time.body(body)
                response = await session.request(
                    method, url, headers=all_headers, data=data, allow_redirects=False
                )
            async with response:
                yield _HttpResponse(response, self._slowest)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            unavailable = RemoteUnavailableError(f"{server_url}: {network_reason(error)}")
            raise time.source_error or unavailable from error

    async def _load_libraries(self) -> None:
        """Loads them on a thread: it takes a few hundred milliseconds, once."""
        if not self._are_libraries_loaded:
            await asyncio.to_thread(load_libraries)
            self._are_libraries_loaded = True

    def _http(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None:
            timeout = aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=READ_TIMEOUT_S
            )
            self._session = aiohttp.ClientSession(timeout=timeout, auto_decompress=False)
        return self._session


class _SocketIoConnection:
    """One namespace of one websocket."""

    def __init__(self, client: Any, namespace: str) -> None:
        self.namespace = namespace
        self._client = client
        self._inbox: deque[Incoming] = deque()
        self._inbox_bytes = 0
        self._filled = asyncio.Event()
        self._roomy = asyncio.Event()
        self._roomy.set()
        self._is_stuck = False
        """Nothing was handled for too long: what comes is taken all the same."""
        self._ended = ""
        self._refusal: object = None
        self._call_ids = itertools.count(1)
        client.on("*", self._on_event, namespace=namespace)
        client.on("disconnect", self._on_disconnect, namespace=namespace)
        client.on("connect_error", self._on_refusal, namespace=namespace)

    async def send(self, name: str, payload: bytes) -> None:
        """Sends an event."""
        await self._emit(name, payload, None)

    async def ask(self, name: str, payload: bytes) -> int:
        """Sends an event whose answer will arrive in its place among the events."""
        call_id = next(self._call_ids)

        def answered(*arguments: Any) -> None:
            self._take(Answer(call_id, _text(arguments)))

        await self._emit(name, payload, answered)
        return call_id

    async def receive(self) -> Incoming:
        """Returns what came next."""
        while not self._inbox:
            if self._ended:
                raise RemoteUnavailableError(self._ended)
            self._filled.clear()
            await self._filled.wait()
        taken = self._inbox.popleft()
        self._inbox_bytes -= len(taken.payload)
        if self._inbox_bytes <= INBOX_BYTES_ROOMY // 2:
            self._roomy.set()
            self._is_stuck = False
        return taken

    async def room(self) -> None:
        """Returns when more may be read."""
        if self._is_stuck or self._inbox_bytes <= INBOX_BYTES_ROOMY:
            return
        self._roomy.clear()
        try:
            async with asyncio.timeout(PAUSE_S_MAX):
                await self._roomy.wait()
        except TimeoutError:
            self._is_stuck = True

    async def close(self) -> None:
        """Leaves; never raises for a connection that is broken already."""
        self._end("the connection was closed")
        try:
            async with asyncio.timeout(2):
                await self._client.shutdown()
        except (TimeoutError, OSError):
            pass

    def refusal(self, server_url: str, error: BaseException) -> Exception:
        """Makes the error that tells why joining failed."""
        told = self._refusal
        message = told.get("message") if isinstance(told, dict) else told
        if message == "unauthorized":
            return SignInNeededError(f"{server_url} does not accept the sign-in")
        if message in ("forbidden", "Invalid namespace"):
            return RemoteRefusedError(
                f"this account may not use the space on {server_url}", code="forbidden"
            )
        # What the server says comes in an object; a bare text is the library's, which knows less.
        is_told = isinstance(told, dict) and isinstance(message, str) and message
        reason = message if is_told else network_reason(error)
        return RemoteUnavailableError(f"{server_url} cannot be reached: {reason}")

    async def _emit(self, name: str, payload: bytes, callback: Any) -> None:
        import socketio

        if self._ended:
            raise RemoteUnavailableError(self._ended)
        try:
            await self._client.emit(name, Raw(payload), namespace=self.namespace, callback=callback)
        except (socketio.exceptions.SocketIOError, OSError) as error:
            reason = network_reason(error)
            raise RemoteUnavailableError(f"the connection is gone: {reason}") from error

    async def _on_event(self, name: str, *arguments: Any) -> None:
        self._take(Event(name, _text(arguments)))

    def _take(self, arrived: Incoming) -> None:
        if self._ended:
            return
        self._inbox.append(arrived)
        self._inbox_bytes += len(arrived.payload)
        self._filled.set()
        if self._inbox_bytes > INBOX_BYTES_MAX:
            self._end("more came than can be handled at once")

    def _on_disconnect(self, reason: object = None) -> None:
        self._end(f"the connection ended: {reason or 'no reason given'}")

    def _on_refusal(self, told: object = None) -> None:
        self._refusal = told

    def _end(self, reason: str) -> None:
        self._ended = self._ended or reason
        self._filled.set()
        self._roomy.set()


class _PatientSession:
    """An HTTP session whose websocket is read no faster than what came is handled.

    The library reads on whatever waits; this is where it can be held up, and with it the server.
    """

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.room: Callable[[], Awaitable[None]] = _no_wait
        self._socket: aiohttp.ClientWebSocketResponse | None = None

    def __getattr__(self, name: str) -> Any:
        """Does everything else as the session does."""
        return getattr(self._session, name)

    async def ws_connect(self, *arguments: Any, **options: Any) -> _PatientSocket:
        """Opens a websocket."""
        self._socket = await self._session.ws_connect(*arguments, **options)
        return _PatientSocket(self._socket, self.room)

    async def leave(self) -> None:
        """Closes the websocket, if there is one: the library forgets it where greeting failed."""
        if self._socket is not None:
            with suppress(TimeoutError, OSError):
                async with asyncio.timeout(2):
                    await self._socket.close()


async def _no_wait() -> None:
    return


class _PatientSocket:
    """A websocket that asks for room before it is read."""

    def __init__(
        self, socket: aiohttp.ClientWebSocketResponse, room: Callable[[], Awaitable[None]]
    ) -> None:
        self._socket = socket
        self._room = room

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    async def receive(self, *arguments: Any, **options: Any) -> aiohttp.WSMessage:
        """Returns the next message once there is room for it."""
        await self._room()
        return await self._socket.receive(*arguments, **options)


class _HttpResponse:
    """A response of aiohttp."""

    def __init__(self, response: aiohttp.ClientResponse, slowest: Pace) -> None:
        self._response = response
        self._slowest = slowest

    @property
    def status(self) -> int:
        """The status code."""
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers."""
        return self._response.headers

    async def read(self, size_max: int) -> bytes:
        """Returns the whole body."""
        found = bytearray()
        async for chunk in self.chunks():
            found += chunk
            if len(found) > size_max:
                raise RemoteRefusedError("the server's answer is too long", code="too_large")
        return bytes(found)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yields the body as it comes."""
        now = asyncio.get_running_loop().time
        came, waited_s = 0, 0.0
        asked_at = now()
        async for chunk in self._response.content.iter_chunked(CHUNK_BYTES):
            came += len(chunk)
            waited_s += now() - asked_at
            if waited_s >= self._slowest.seconds:
                if came < self._slowest.size:
                    raise RemoteUnavailableError(
                        f"the server sent {came} bytes in {waited_s:.0f} s, and was given up"
                    )
                came, waited_s = 0, 0.0
            yield chunk
            # What the reader takes for itself is not the server's.
            asked_at = now()


def _text(arguments: tuple[Any, ...]) -> bytes:
    if not arguments:
        return b"null"
    first = arguments[0]
    return bytes(first) if isinstance(first, Raw) else wire_json.dumps(first).encode()
