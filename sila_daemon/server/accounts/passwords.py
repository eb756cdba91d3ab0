"""Passwords: rules, and Argon2id off the event loop, few at a time."""

from __future__ import annotations

import asyncio
import unicodedata
from typing import TYPE_CHECKING

import argon2

from sila_daemon.core.errors import RateLimitedError, UsageError

if TYPE_CHECKING:
    from sila_daemon.ports.workers import Workers

CONCURRENT_HASHES = 2
"""Each takes 19 MiB and some 30 ms of a core."""

WAITING_MAX = 64
"""Sign-ins that wait for a hash; more are told to come back, which takes them no longer."""

LENGTH_MIN = 8
LENGTH_MAX = 1024

# What guessers try first; the rules for addresses and repetitions cover their variations.
_COMMON = frozenset(
    """
    12345678 123456789 1234567890 87654321 987654321 0123456789 11223344 12341234 1q2w3e4r
    1q2w3e4r5t 1qaz2wsx qwertyui qwertyuiop qwerty123 qwerty1234 asdfghjk asdfghjkl zxcvbnm123
    password password1 password12 password123 passw0rd p@ssword p@ssw0rd pass1234 passport
    iloveyou sunshine princess football baseball basketball superman superstar starwars
    trustno1 whatever letmein1 letmein123 welcome1 welcome123 changeme changeme1 computer
    internet michelle jennifer jonathan charlotte dragon123 monkey123 shadow123 master123
    admin123 admin1234 administrator abcdefgh abcd1234 abc12345 aa123456 a1234567 q1w2e3r4
    default1 secret123 testtest test1234 hunter22 corvette mercedes samantha victoria
    """.split()
)


class Passwords:
    """Hashes and checks passwords."""

    def __init__(self, workers: Workers, hasher: argon2.PasswordHasher | None = None) -> None:
        self._workers = workers
        self._free = asyncio.Semaphore(CONCURRENT_HASHES)
        # The parameters that OWASP recommends as the smallest: t=2, 19 MiB, p=1.
        self._hasher = hasher or argon2.PasswordHasher(2, 19 * 1024, 1)
        self._nobody: str | None = None
        self._waiting = 0
        self.hash_count = 0
        """How often Argon2 ran: what signing in costs, whoever it is."""

    async def hash(self, password: str) -> str:
        """Returns what to store. Raises RateLimitedError when too many wait."""
        data = _bytes_of(password)
        async with self._turn():
            return await self._workers.run(lambda: self._hasher.hash(data))

    async def matches(self, stored: str | None, password: str) -> bool:
        """Tells whether a password is right; takes as long when there is no such user."""
        if self._nobody is None:
            self._nobody = await self.hash("nobody has this password")
        expected = stored or self._nobody
        data = _bytes_of(password)
        async with self._turn():
            is_right = await self._workers.run(lambda: self._verify(expected, data))
        return is_right and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Tells whether a hash was made with other parameters than new ones are."""
        return self._hasher.check_needs_rehash(stored)

    def _turn(self) -> _Turn:
        if self._waiting >= WAITING_MAX:
            raise RateLimitedError("too many people sign in just now; try again in a moment")
        return _Turn(self)

    def _verify(self, stored: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False


class _Turn:
    """One of the few places in which a hash is computed."""

    def __init__(self, passwords: Passwords) -> None:
        self._passwords = passwords

    async def __aenter__(self) -> None:
        self._passwords._waiting += 1
        try:
            await self._passwords._free.acquire()
        finally:
            self._passwords._waiting -= 1
        self._passwords.hash_count += 1

    async def __aexit__(self, *_: object) -> None:
        self._passwords._free.release()


def fitting_password(password: object) -> str:
    """Returns a password that can be stored. Raises UsageError.

    Whoever runs the server may give any such password, to be exchanged for a better one.
    """
    if not isinstance(password, str) or not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        raise _weak(f"a password has {LENGTH_MIN} to {LENGTH_MAX} characters")
    return password


def checked_password(password: object, email: str) -> str:
    """Returns a password that a user may choose. Raises UsageError."""
    chosen = fitting_password(password)
    plain = chosen.lower()
    if plain in _COMMON:
        raise _weak("this password is among the first that anybody would guess")
    if len(set(plain)) < 4:
        raise _weak("this password repeats the same few characters")
    if plain in (email.lower(), email.lower().partition("@")[0]):
        raise _weak("the password is the address")
    return chosen


def _weak(message: str) -> UsageError:
    hint = "Some words that belong together only for you are easy to keep in mind."
    return UsageError(message, code="weak_password", hint=hint)


def _bytes_of(password: str) -> bytes:
    """Returns the same bytes however a keyboard composed the characters."""
    text = unicodedata.normalize("NFKC", password[: 4 * LENGTH_MAX])
    return text.encode("utf-8", "surrogatepass")[: 4 * LENGTH_MAX]
