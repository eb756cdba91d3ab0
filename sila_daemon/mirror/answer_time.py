"""How long a server may take to take what it is sent, and to begin its answer.

The HTTP library limits each wait for bytes of an answer: a server that sends its headers one by
one, or does not read what it is sent, would hold up for ever what waits for its turn.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from sila_daemon.core.errors import RemoteUnavailableError, SilaError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

PIECE_BYTES = 256 << 10
"""A server has its time for so much of a body, and then for the headers of its answer."""


class AnswerTime:
    """The time of one request: a context that ends once the headers of the answer are here.

    Raises RemoteUnavailableError from within when the server takes more than `seconds`.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout = asyncio.timeout(None)
        self._is_answered = False
        self.source_error: SilaError | None = None
        """Why there was no more to send."""

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self._begin()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_answered = True
        try:
            await self._timeout.__aexit__(kind, error, traceback)
        except TimeoutError as late:
            raise RemoteUnavailableError(
                f"the server neither took anything nor answered for {self._seconds:.0f} s"
            ) from late

    async def body(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yields what is sent. What its source takes for itself is not the server's.

        Nor is what its source raises, which the HTTP library would tell as an error of sending.
        """
        try:
            self._pause()
            async for chunk in chunks:
                for start in range(0, len(chunk), PIECE_BYTES):
                    self._begin()
                    yield chunk[start : start + PIECE_BYTES]
                self._pause()
        except SilaError as error:
            self.source_error = error
            raise
        finally:
            self._begin()

    def _begin(self) -> None:
        self._set(asyncio.get_running_loop().time() + self._seconds)

    def _pause(self) -> None:
        self._set(None)

    def _set(self, when: float | None) -> None:
        if not self._is_answered and not self._timeout.expired():
            self._timeout.reschedule(when)
