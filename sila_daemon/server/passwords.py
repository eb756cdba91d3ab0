"""Passwords: Argon2id, off the event loop, few at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import argon2

from sila_daemon.core.errors import UsageError

if TYPE_CHECKING:
    from sila_daemon.ports.workers import Workers

CONCURRENT_HASHES = 2
"""Each takes 19 MiB and some 30 ms of a core."""

LENGTH_MIN = 8
LENGTH_MAX = 1024


class Passwords:
    """Hashes and checks passwords."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._free = asyncio.Semaphore(CONCURRENT_HASHES)
        # The parameters that OWASP recommends as the smallest: t=2, 19 MiB, p=1.
        self._hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Returns what to store. Raises UsageError for a password out of bounds."""
        if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
            raise UsageError(
                f"a password has {LENGTH_MIN} to {LENGTH_MAX} characters", code="weak_password"
            )
        data = password.encode("utf-8", "surrogatepass")
        async with self._free:
            return await self._workers.run(lambda: self._hasher.hash(data))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Tells whether a password is right; takes as long when there is no such user."""
        if self._nobody is None:
            self._nobody = await self.hash("nobody has this password")
        expected = stored or self._nobody
        data = password.encode("utf-8", "surrogatepass")[: 4 * LENGTH_MAX]
        async with self._free:
            is_right = await self._workers.run(lambda: self._verify(expected, data))
        return is_right and stored is not None

    def _verify(self, stored: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
