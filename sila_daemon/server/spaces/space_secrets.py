"""Secrets of one space: on disk in the local format, removals beside it, on the wire sealed."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.core import json_value
from sila_daemon.folder.problems import storage_errors
from sila_daemon.folder.sealed_secrets import seal, unseal
from sila_daemon.folder.secrets import (
    FILE_BYTES_MAX,
    read_secrets,
    write_secrets,
)
from sila_daemon.ports.disk import Disk, read_file
from sila_daemon.ports.durable_files import write_atomic

if TYPE_CHECKING:
    from sila_daemon.ports.randomness import Randomness
    from sila_daemon.ports.workers import Workers


@dataclass(frozen=True, slots=True)
class SecretSet:
    """What is set, and what was removed."""

    values: dict[str, str] = field(default_factory=dict)
    removed: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the removed value, in hex."""

    def to_json(self) -> dict[str, dict[str, str]]:
        """Renders the object that is sealed."""
        return {"values": self.values, "removed": self.removed}

    @property
    def etag(self) -> str:
        """Tells one state from another; equal contents have equal tags."""
        return hashlib.sha256(json_value.canonical(self.to_json())).hexdigest()[:32]


class ChangedError(Exception):
    """The secrets are not those that the change was made on."""


class SpaceSecrets:
    """The secrets of one space."""

    def __init__(
        self, space_id: str, path: Path, disk: Disk, randomness: Randomness, workers: Workers
    ) -> None:
        self._space_id = space_id
        self._path = path
        self._disk = disk
        self._randomness = randomness
        self._workers = workers
        self._lock = asyncio.Lock()

    async def get(self) -> SecretSet:
        """Reads the secrets. Raises SecretsError, StorageError."""
        return await self._workers.run(self._read)

    async def put(self, secrets: SecretSet, expected_etag: str) -> None:
        """Replaces the secrets. Raises ChangedError when they are not `expected_etag` any more."""
        async with self._lock:
            if (await self.get()).etag != expected_etag:
                raise ChangedError
            await self._workers.run(lambda: self._write(secrets))

    def seal(self, secrets: SecretSet) -> str:
        """Renders secrets for the wire."""
        return seal(secrets.values, secrets.removed, self._space_id, self._randomness)

    def unseal(self, sealed: object) -> SecretSet:
        """Reads secrets from the wire. Raises SecretsError."""
        return SecretSet(*unseal(sealed, self._space_id))

    def _read(self) -> SecretSet:
        opened = read_secrets(self._disk, self._path, self._space_id)
        removed: dict[str, str] = {}
        with storage_errors("read the removed secrets"):
            if self._disk.stat(self._removals) is not None:
                removed = json.loads(read_file(self._disk, self._removals, FILE_BYTES_MAX))
        values = opened.values if opened is not None else {}
        return SecretSet(
            {
                name: value
                for name, value in values.items()
                if not _is_removed(name, value, removed)
            },
            removed,
        )

    def _write(self, secrets: SecretSet) -> None:
        # Removals first: a removed value that is still in the file counts as removed, while
        # a removal that was lost would bring the value back.
        with storage_errors("write the removed secrets"):
            data = json.dumps(secrets.removed, sort_keys=True).encode()
            write_atomic(self._disk, self._removals, data, self._randomness)
        write_secrets(self._disk, self._path, self._space_id, secrets.values, self._randomness)

    @property
    def _removals(self) -> Path:
        return self._path.with_name("secrets-removed.json")


def fingerprint(value: str) -> str:
    """Returns what a removal remembers of a value."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def _is_removed(name: str, value: str, removed: dict[str, str]) -> bool:
    return removed.get(name) == fingerprint(value)
