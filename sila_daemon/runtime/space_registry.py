"""Which spaces the daemon looks after, over restarts: one small file, replaced atomically."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from sila_daemon.core import ids
from sila_daemon.core.errors import FormatError, ProtectionError, SilaError
from sila_daemon.folder.problems import storage_errors
from sila_daemon.mirror.record import ServerRecord, SpaceRecord
from sila_daemon.ports.disk import Disk, read_file
from sila_daemon.ports.durable_files import write_atomic
from sila_daemon.store.fetch_policy import FetchPolicy

if TYPE_CHECKING:
    from sila_daemon.ports.randomness import Randomness

_FILE_BYTES_MAX = 16 << 20
FOR_EVER = float("inf")


class _Server(msgspec.Struct):
    url: str
    secrets: Literal["mirror", "keep"] = "keep"


class _Fetch(msgspec.Struct, rename="camel", omit_defaults=True, frozen=True):
    on_demand: bool = False
    newer_than_days: float | None = None
    up_to_bytes: int | None = None


class _Space(msgspec.Struct, rename="camel", omit_defaults=True):
    id: str
    path: str | None = None
    servers: list[_Server] = []
    paused_until: float | Literal["resumed"] | None = None
    """Unix seconds, or `resumed`: until somebody resumes it. JSON has no infinity."""
    fetch: _Fetch = _Fetch()


class _File(msgspec.Struct):
    version: Literal[1]
    spaces: list[_Space]


class SpaceRegistry:
    """The records by space id, in the order they were added. Each change is durable at once."""

    def __init__(self, path: Path, disk: Disk, randomness: Randomness) -> None:
        self._path = path
        self._disk = disk
        self._randomness = randomness
        self._records: dict[str, SpaceRecord] = {}

    def load(self) -> None:
        """Reads the file. Raises FormatError, StorageError; the file stays as it is."""
        with storage_errors(f"read {self._path}"):
            if self._disk.stat(self._path) is None:
                return
            data = read_file(self._disk, self._path, _FILE_BYTES_MAX)
        try:
            spaces = msgspec.json.decode(data, type=_File).spaces
            self._records = {ids.checked_space_id(space.id): _record(space) for space in spaces}
        except (msgspec.DecodeError, SilaError) as error:
            raise FormatError(
                f"{self._path} is damaged: {error}",
                hint="mend it, or move it away and add the spaces again; no data is in it",
            ) from error

    def records(self) -> list[SpaceRecord]:
        """Returns all records."""
        return list(self._records.values())

    def get(self, space_id: str) -> SpaceRecord | None:
        """Returns the record of a space."""
        return self._records.get(space_id)

    def require_free(self, space_id: str, root: Path | None) -> None:
        """Raises ProtectionError where a space, or its folder, is looked after already."""
        for known in self._records.values():
            if known.id == space_id:
                where = f" in {known.path}" if known.path else ""
                raise ProtectionError(
                    f"the space {space_id} is looked after already{where}",
                    code="space_known",
                    hint="see the spaces with: sila-daemon space list",
                )
            if root is not None and known.path == root:
                raise ProtectionError(f"{root} belongs to the space {known.id}", code="path_known")

    def put(self, record: SpaceRecord) -> None:
        """Adds or replaces a record. Raises StorageError and keeps the old state."""
        self._write({**self._records, record.id: record})

    def remove(self, space_id: str) -> None:
        """Drops a record. Raises StorageError and keeps the old state."""
        self._write({key: kept for key, kept in self._records.items() if key != space_id})

    def _write(self, records: dict[str, SpaceRecord]) -> None:
        file = _File(1, [_entry(record) for record in records.values()])
        data = msgspec.json.format(msgspec.json.encode(file))
        with storage_errors(f"write {self._path}"):
            write_atomic(self._disk, self._path, data, self._randomness)
        self._records = records


def _record(space: _Space) -> SpaceRecord:
    return SpaceRecord(
        space.id,
        None if space.path is None else Path(space.path),
        tuple(ServerRecord(server.url, server.secrets) for server in space.servers),
        FOR_EVER if isinstance(space.paused_until, str) else space.paused_until,
        FetchPolicy(space.fetch.on_demand, space.fetch.newer_than_days, space.fetch.up_to_bytes),
    )


def _entry(record: SpaceRecord) -> _Space:
    servers = [_Server(server.url, server.secrets) for server in record.servers]
    until = record.paused_until
    return _Space(
        record.id,
        None if record.path is None else str(record.path),
        servers,
        "resumed" if until == FOR_EVER else until,
        _Fetch(record.fetch.on_demand, record.fetch.newer_than_days, record.fetch.up_to_bytes),
    )
