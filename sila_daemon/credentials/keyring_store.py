"""The platform's keyring, where a real one answers: never one that is itself a plain file."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from sila_daemon.core.errors import StorageError

ANSWER_S_MAX = 1.0
"""A keyring that waits for somebody to unlock it must not hold up the daemon."""

_TRUSTED = ("keyring.backends.macOS", "keyring.backends.SecretService", "keyring.backends.kwallet")

T = TypeVar("T")


class KeyringStore:
    """Keeps one text for each server. Raises StorageError when the keyring does not answer."""

    def __init__(self, backend: Any, service: str) -> None:
        self._backend = backend
        self._service = service

    async def read(self, url: str) -> str | None:
        """Returns what is kept for `url`."""
        found = await _in_time(lambda: self._backend.get_password(self._service, url))
        return found if isinstance(found, str) else None

    async def write(self, url: str, text: str) -> None:
        """Replaces what is kept for `url`."""
        await _in_time(lambda: self._backend.set_password(self._service, url, text))

    async def remove(self, url: str) -> None:
        """Forgets `url`."""
        if await self.read(url) is not None:
            await _in_time(lambda: self._backend.delete_password(self._service, url))


async def find_keyring(service: str) -> KeyringStore | None:
    """Returns the platform's keyring if it is a real one and answers in time."""
    try:
        backend = await _in_time(_trusted_backend)
        if backend is None:
            return None
        store = KeyringStore(backend, service)
        await store.read("probe")
    except StorageError:
        return None
    return store


def _trusted_backend() -> Any:
    import keyring

    found = keyring.get_keyring()
    for backend in getattr(found, "backends", [found]):
        if type(backend).__module__ in _TRUSTED:
            return backend
    return None


async def _in_time(work: Callable[[], T]) -> T:
    """Runs `work` on a thread of its own, which a hanging keyring may keep for ever."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: Exception | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, failure = None, None
        try:
            result = work()
        except Exception as error:
            failure = StorageError(f"the keyring refused: {error}", code="keyring")
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, name="keyring", daemon=True).start()
    try:
        async with asyncio.timeout(ANSWER_S_MAX):
            return await outcome
    except TimeoutError:
        raise StorageError(
            "the keyring does not answer", code="keyring", hint="unlock it, then try again"
        ) from None
