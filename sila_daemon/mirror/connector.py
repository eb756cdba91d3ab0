"""The network as a mirror sees it: one connection to a space, and requests beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

Body = bytes | AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that the server says by itself."""

    name: str
    payload: bytes
    """JSON text; `null` when there was none."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The acknowledgement of something that was sent."""

    call_id: int
    payload: bytes


Incoming = Event | Answer


class Connection(Protocol):
    """One connection to one space. Events and answers come in the order they were sent in."""

    async def send(self, name: str, payload: bytes) -> None:
        """Sends an event without asking for an answer. Raises RemoteUnavailableError."""
        ...

    async def ask(self, name: str, payload: bytes) -> int:
        """Sends an event; returns the id of the answer that will come, if the connection lasts.

        Raises RemoteUnavailableError.
        """
        ...

    async def receive(self) -> Incoming:
        """Returns what came next. Raises RemoteUnavailableError once the connection has ended."""
        ...

    async def close(self) -> None:
        """Ends the connection; answers that are still missing never come."""
        ...


class Response(Protocol):
    """The answer to an HTTP request."""

    @property
    def status(self) -> int:
        """The status code."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names compare without case."""
        ...

    async def read(self, size_max: int) -> bytes:
        """Returns the whole body. Raises RemoteError when it is larger, or does not come whole."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yields the body as it comes. Raises RemoteUnavailableError."""
        ...


class Connector(Protocol):
    """Reaches servers."""

    async def connect(self, server_url: str, space_id: str, auth: Mapping[str, Any]) -> Connection:
        """Joins a space.

        Raises SignInNeededError for a token that is not accepted, RemoteRefusedError when the
        account may not join, RemoteUnavailableError when nothing useful answers.
        """
        ...

    def request(
        self,
        method: str,
        server_url: str,
        path: str,
        *,
        token: str,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> AbstractAsyncContextManager[Response]:
        """Makes an HTTP request, whatever its status. Raises RemoteUnavailableError."""
        ...
