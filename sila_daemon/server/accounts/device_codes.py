"""Signing in a device that has no good keyboard, as in RFC 8628.

The device gets a secret code, and shows a short one that a person confirms elsewhere. Both are
good for ten minutes. The tokens that the device then gets are derived from its secret code, so
that they can be given again when the answer was lost.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import NotFoundError, RateLimitedError, RemoteRefusedError
from sila_daemon.ports.randomness import Randomness, new_id
from sila_daemon.server.accounts.login_limits import network_of, too_often
from sila_daemon.server.accounts.platform import User, user_where
from sila_daemon.server.accounts.session_info import Device, SignedIn
from sila_daemon.server.accounts.tokens import token_hash
from sila_daemon.server.limits.rate_limit import RateLimit

if TYPE_CHECKING:
    import apsw

    from sila_daemon.database.database import Database
    from sila_daemon.ports.clock import Clock
    from sila_daemon.server.accounts.audit import Audit
    from sila_daemon.server.accounts.sessions import Sessions

CODE_SECONDS = 600
INTERVAL_SECONDS = 5
SLOWER_SECONDS = 5
"""By so much the interval grows each time that a device asks too soon, as the RFC has it."""

CODES_MAX = 10_000
"""Codes that wait at once, from everybody."""

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so no words; no letter that looks like another or like a digit."""

LETTERS_IN_CODE = 8
_JITTER_MS = 500


@dataclass(frozen=True, slots=True)
class Begun:
    """What a device gets when it asks to be signed in."""

    device_code: str
    user_code: str


@dataclass(frozen=True, slots=True)
class AskingDevice:
    """A device that waits to be let in, as the person who decides sees it."""

    user_code: str
    name: str
    platform: str
    address: str
    created_at: int


@dataclass(frozen=True, slots=True)
class _Poll:
    error: str | None = None
    user: User | None = None
    session_id: str = ""
    is_first: bool = False
    device: Device | None = None


class DeviceCodes:
    """Codes in the platform's database."""

    def __init__(
        self,
        database: Database,
        sessions: Sessions,
        clock: Clock,
        randomness: Randomness,
        audit: Audit,
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._clock = clock
        self._randomness = randomness
        self._audit = audit
        self._beginnings = RateLimit(clock, burst=10, per_second=10 / 60)
        self._guesses = RateLimit(clock, burst=10, per_second=10 / 60)
        self._polling = asyncio.Lock()

    async def begin(self, device: Device) -> Begun:
        """Makes codes for a device. Raises RateLimitedError."""
        wait = self._beginnings.wait_seconds(network_of(device.address))
        if wait > 0:
            raise too_often(wait)
        begun = Begun(f"dev_{self._randomness.token(32).hex()}", self._made_user_code())
        now = self._now_ms()

        def work(connection: apsw.Connection) -> None:
            connection.execute("DELETE FROM device_codes WHERE expires_at <= ?", (now,))
            row = connection.execute("SELECT count(*) FROM device_codes").fetchone()
            if row is not None and row[0] >= CODES_MAX:
                raise RateLimitedError("too many devices wait to be signed in")
            # A code that another device has by chance: one in billions, and that one starts anew.
            connection.execute("DELETE FROM device_codes WHERE user_code = ?", (begun.user_code,))
            connection.execute(
                "INSERT INTO device_codes (hash, user_code, device_id, device_name, platform,"
                " address, created_at, expires_at, interval_s, polled_at, state)"
                " VALUES (?,?,?,?,?,?,?,?,?,0,'pending')",
                (
                    token_hash(begun.device_code), begun.user_code, device.id, device.name,
                    device.platform, device.address, now, now + CODE_SECONDS * 1000,
                    INTERVAL_SECONDS,
                ),
            )  # fmt: skip

        await self._database.write(work)
        return begun

    async def poll(self, device_code: object, address: str) -> SignedIn:
        """Signs the device in once somebody let it.

        Raises RemoteRefusedError with a code of the RFC: `authorization_pending`, `slow_down`,
        `access_denied` or `expired_token`, which also answers codes that never were.
        """
        if not isinstance(device_code, str) or len(device_code) > 200:
            raise _answer("expired_token")
        hashed, now, fresh_id = token_hash(device_code), self._now_ms(), new_id(self._randomness)
        # One after the other: a second poll must find the session that the first one began.
        async with self._polling:
            found = await self._database.write(
                lambda connection: _polled(connection, hashed, now, fresh_id)
            )
            if found.error is not None:
                raise _answer(found.error)
            assert found.user is not None and found.device is not None
            if found.is_first:
                device = Device(found.device.id, found.device.name, found.device.platform, address)
                self._audit.note("device_login", user_id=found.user.id, address=address)
                return await self._sessions.begin(
                    found.user, device, session_id=found.session_id, seed=device_code
                )
            signed = await self._sessions.first_again(found.session_id, device_code)
        if signed is None:
            raise _answer("expired_token")
        return signed

    async def find(self, user_code: str, user: User, address: str) -> AskingDevice:
        """Returns the device that shows a code. Raises NotFoundError, RateLimitedError.

        `user` is who asks: guesses are counted for each, and for each address.
        """
        wait = self._guesses.wait_seconds(user.id) or self._guesses.wait_seconds(
            network_of(address)
        )
        if wait > 0:
            raise too_often(wait)
        code, now = normal_user_code(user_code), self._now_ms()

        def work(connection: apsw.Connection) -> AskingDevice | None:
            row = connection.execute(
                "SELECT user_code, device_name, platform, address, created_at FROM device_codes"
                " WHERE user_code = ? AND state = 'pending' AND expires_at > ?",
                (code, now),
            ).fetchone()
            return None if row is None else AskingDevice(*row)

        found = await self._database.read(work)
        if found is None:
            raise NotFoundError("no device shows this code, or not any more", code="bad_code")
        return found

    async def decide(self, user_code: str, user: User, *, is_allowed: bool, address: str) -> None:
        """Lets a device in, or refuses it. Raises NotFoundError."""
        code, now = normal_user_code(user_code), self._now_ms()
        state = "allowed" if is_allowed else "refused"

        def work(connection: apsw.Connection) -> None:
            connection.execute(
                "UPDATE device_codes SET state = ?, user_id = ?"
                " WHERE user_code = ? AND state = 'pending' AND expires_at > ?",
                (state, user.id, code, now),
            )
            if not connection.changes():
                raise NotFoundError("no device shows this code, or not any more", code="bad_code")

        await self._database.write(work)
        self._audit.note(f"device_{state}", user_id=user.id, address=address)

    async def remove_expired(self) -> None:
        """Removes codes whose time is over."""
        now = self._now_ms()
        await self._database.write(
            lambda connection: connection.execute(
                "DELETE FROM device_codes WHERE expires_at <= ?", (now,)
            )
        )

    def _made_user_code(self) -> str:
        """Draws letters, each as likely as any other."""
        letters = ""
        while len(letters) < LETTERS_IN_CODE:
            for byte in self._randomness.token(16):
                if byte < 256 // len(LETTERS) * len(LETTERS):
                    letters += LETTERS[byte % len(LETTERS)]
        return f"{letters[:4]}-{letters[4:LETTERS_IN_CODE]}"

    def _now_ms(self) -> int:
        return int(self._clock.time() * 1000)


def normal_user_code(text: str) -> str:
    """Returns a code as it is stored, however somebody typed it."""
    letters = "".join(letter for letter in text[:100].upper() if letter in LETTERS)
    return f"{letters[:4]}-{letters[4:]}"


def _polled(connection: apsw.Connection, hashed: bytes, now: int, fresh_id: str) -> _Poll:
    row: Any = connection.execute(
        "SELECT state, interval_s, polled_at, user_id, session_id, device_id, device_name, platform"
        " FROM device_codes WHERE hash = ? AND expires_at > ?",
        (hashed, now),
    ).fetchone()
    if row is None:
        return _Poll("expired_token")
    state, interval_s, polled_at, user_id, session_id, *device = row
    if state == "refused":
        return _Poll("access_denied")
    if state == "pending":
        is_early = now < polled_at + interval_s * 1000 - _JITTER_MS
        connection.execute(
            "UPDATE device_codes SET polled_at = ?, interval_s = ? WHERE hash = ?",
            (now, min(interval_s + SLOWER_SECONDS, 60) if is_early else interval_s, hashed),
        )
        return _Poll("slow_down" if is_early else "authorization_pending")
    user = user_where(connection, "id = ?", str(user_id))
    if user is None or not user.is_active:
        return _Poll("access_denied")
    if session_id is None:
        connection.execute(
            "UPDATE device_codes SET session_id = ? WHERE hash = ?", (fresh_id, hashed)
        )
    is_first = session_id is None
    return _Poll(None, user, session_id or fresh_id, is_first, Device(*device))


_MEANINGS = {
    "authorization_pending": "nobody has confirmed the code yet",
    "slow_down": "asked too soon; wait five seconds longer each time",
    "access_denied": "somebody refused to let this device in",
    "expired_token": "the code is not valid any more; ask for another one",
}


def _answer(code: str) -> RemoteRefusedError:
    return RemoteRefusedError(_MEANINGS[code], code=code)
