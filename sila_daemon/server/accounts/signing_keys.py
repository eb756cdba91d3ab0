"""The keys that sign tokens: made at the first start, exchanged without signing anybody out.

The file holds one line a key, the newest last: `<id> <64 hex digits> <until>`. The newest signs,
until is `-`; the ones before it are only accepted, until the Unix second at which the last token
that they signed has expired. A file of one bare hex key, as early versions wrote it, is read too.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.core.errors import StorageError
from sila_daemon.folder.problems import storage_errors
from sila_daemon.ports.disk import Disk, read_file
from sila_daemon.ports.durable_files import make_durable, write_atomic

if TYPE_CHECKING:
    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.randomness import Randomness
    from sila_daemon.ports.workers import Workers

KEY_BYTES = 32
_FILE_BYTES_MAX = 64 << 10
_KEYS_MAX = 100
_LINE = re.compile(r"([0-9a-f]{8}) ([0-9a-f]{64}) (-|\d{1,12})")
_BARE = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key."""

    id: str
    secret: bytes
    until: int | None = None
    """Unix seconds at which it is no longer accepted; None for the key that signs."""

    def __repr__(self) -> str:
        """Leaves the secret out: this may end up in a log."""
        return f"SigningKey({self.id}, until={self.until})"


class SigningKeys:
    """The keys of one server; the file is written before a new key signs anything."""

    def __init__(
        self, path: Path, disk: Disk, workers: Workers, randomness: Randomness, clock: Clock
    ) -> None:
        self._path = path
        self._disk = disk
        self._workers = workers
        self._randomness = randomness
        self._clock = clock
        self._keys: list[SigningKey] = []

    async def load(self) -> None:
        """Reads the file, making it (mode 0600) when there is none. Raises StorageError."""
        self._keys = await self._workers.run(self._loaded)

    @property
    def newest(self) -> SigningKey:
        """The key that signs."""
        return self._keys[-1]

    def find(self, key_id: object) -> SigningKey | None:
        """Returns a key that is accepted now; None for any other."""
        for key in self.accepted():
            if key.id == key_id:
                return key
        return None

    def accepted(self) -> list[SigningKey]:
        """Returns the keys that are accepted now, the newest first."""
        now = self._clock.time()
        return [key for key in reversed(self._keys) if key.until is None or now < key.until]

    async def rotate(self, until: int) -> SigningKey:
        """Makes a new key, and accepts the one before it `until` (Unix seconds).

        With a time in the past every older key is given up at once. Raises StorageError.
        """
        kept = [replace(key, until=key.until or until) for key in reversed(self.accepted())]
        keys = [*(kept if until > self._clock.time() else []), self._made()]
        if len(keys) > _KEYS_MAX:
            raise StorageError(
                f"{_KEYS_MAX} keys are still accepted", code="too_many_keys",
                hint="Wait until some have run out, or give all of them up at once.",
            )  # fmt: skip
        await self._workers.run(lambda: self._write(keys))
        self._keys = keys
        return keys[-1]

    def _made(self) -> SigningKey:
        return SigningKey(self._randomness.token(4).hex(), self._randomness.token(KEY_BYTES))

    def _write(self, keys: list[SigningKey]) -> None:
        lines = [
            f"{key.id} {key.secret.hex()} {'-' if key.until is None else key.until}\n"
            for key in keys
        ]
        with storage_errors(f"write {self._path}"):
            write_atomic(self._disk, self._path, "".join(lines).encode(), self._randomness)

    def _loaded(self) -> list[SigningKey]:
        with storage_errors(f"read {self._path}"):
            if self._disk.stat(self._path) is None:
                keys = [self._made()]
                self._write(keys)
                return keys
            data = read_file(self._disk, self._path, _FILE_BYTES_MAX)
            # Tokens signed with a key are good only as long as the key outlasts a power cut.
            make_durable(self._disk, self._path)
        keys = _parsed(data)
        if not keys:
            raise StorageError(
                f"{self._path} does not hold a key of {KEY_BYTES} bytes in hex",
                code="bad_signing_key",
                hint="Restore it from a backup, or remove it: everybody then signs in again.",
            )
        return keys


def _parsed(data: bytes) -> list[SigningKey]:
    """Returns the keys of a file; none at all unless every line can be read."""
    text = data.decode("ascii", "replace").strip()
    if _BARE.fullmatch(text):
        secret = bytes.fromhex(text)
        return [SigningKey(hashlib.sha256(secret).hexdigest()[:8], secret)]
    keys = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            return []
        until = None if match[3] == "-" else int(match[3])
        keys.append(SigningKey(match[1], bytes.fromhex(match[2]), until))
    signing = [key for key in keys if key.until is None]
    return keys if signing == keys[-1:] else []
