"""Accounts on disk: all of them in one file that only its owner can read.

Where a keyring keeps the tokens, the file says only that there is an account.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from sila_daemon.core.errors import FormatError, StorageError
from sila_daemon.credentials.account import Account
from sila_daemon.folder.problems import storage_errors
from sila_daemon.ports.disk import Disk, read_file
from sila_daemon.ports.durable_files import write_atomic

if TYPE_CHECKING:
    from sila_daemon.ports.randomness import Randomness

FILE_BYTES_MAX = 4 << 20


class Keyring(Protocol):
    """What keeps a text for each server."""

    async def read(self, url: str) -> str | None:
        """Returns what is kept for `url`."""
        ...

    async def write(self, url: str, text: str) -> None:
        """Replaces what is kept for `url`."""
        ...

    async def remove(self, url: str) -> None:
        """Forgets `url`."""
        ...


class _Entry(msgspec.Struct, omit_defaults=True):
    email: str | None
    store: Literal["file", "keyring"]
    account: Account | None = None


class _File(msgspec.Struct):
    version: Literal[1]
    accounts: dict[str, _Entry]


class AccountStore:
    """Keeps accounts over restarts, in the keyring when there is one, else in the file."""

    def __init__(
        self, path: Path, disk: Disk, randomness: Randomness, keyring: Keyring | None
    ) -> None:
        self._path = path
        self._disk = disk
        self._randomness = randomness
        self._keyring = keyring
        self._entries: dict[str, _Entry] = {}

    @property
    def kind(self) -> Literal["file", "keyring"]:
        """Where tokens are kept from now on."""
        return "file" if self._keyring is None else "keyring"

    async def load(self) -> dict[str, Account]:
        """Returns all accounts by server. Raises FormatError, StorageError."""
        with storage_errors(f"read {self._path}"):
            if self._disk.stat(self._path) is None:
                return {}
            data = read_file(self._disk, self._path, FILE_BYTES_MAX)
        try:
            self._entries = msgspec.json.decode(data, type=_File).accounts
        except msgspec.DecodeError as error:
            raise FormatError(
                f"{self._path} is damaged: {error}", hint="move it away and sign in again"
            ) from error
        return {url: await self._account(url, entry) for url, entry in self._entries.items()}

    async def save(self, account: Account) -> None:
        """Keeps an account: when this returns, it survives a crash."""
        entry = _Entry(account.email, self.kind, account)
        if self._keyring is not None:
            await self._keyring.write(account.url, msgspec.json.encode(account).decode())
            entry = _Entry(account.email, "keyring")
        self._write({**self._entries, account.url: entry})

    async def remove(self, url: str) -> None:
        """Forgets an account."""
        entry = self._entries.get(url)
        self._write({known: kept for known, kept in self._entries.items() if known != url})
        if entry is not None and entry.store == "keyring" and self._keyring is not None:
            await self._keyring.remove(url)

    async def _account(self, url: str, entry: _Entry) -> Account:
        if entry.account is not None:
            return entry.account
        locked = Account(url, entry.email, "", None, None, False, "the keyring did not answer")
        try:
            text = await self._keyring.read(url) if self._keyring is not None else None
        except StorageError:
            return locked
        return locked if text is None else msgspec.json.decode(text, type=Account)

    def _write(self, entries: dict[str, _Entry]) -> None:
        data = msgspec.json.format(msgspec.json.encode(_File(1, entries)))
        with storage_errors(f"write {self._path}"):
            write_atomic(self._disk, self._path, data, self._randomness)
        self._entries = entries
