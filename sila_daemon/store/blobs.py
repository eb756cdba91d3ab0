"""Blobs: which are here, which ops refer to, and which each server is not known to hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sila_daemon.core import ids
from sila_daemon.core.errors import FormatError, InvalidValueError
from sila_daemon.core.json_value import decode
from sila_daemon.core.ops import Op, PropertyOp
from sila_daemon.store import sql
from sila_daemon.store.static_looks import note_looks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import apsw

    from sila_daemon.database.database import Database
    from sila_daemon.store.static_looks import StaticLook

STATIC = "static"
VAR = "var"

FORMER_MAX = 50
"""So many former contents of a mutable blob are remembered."""

_REFERRING_KEYS = frozenset({"hash", "id"})
_STATIC_TEXT_BYTES = 66
_VAR_TEXT_BYTES = (34, 38)


@dataclass(frozen=True, slots=True)
class BlobName:
    """Names a blob: by its SHA-256 when it never changes, by a UUID when it may."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class LocalBlob:
    """A blob that is durable here."""

    blob: BlobName
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """The content of a mutable blob that a server and this device last had in common."""

    sha256: str
    revision: str


@dataclass(frozen=True, slots=True)
class BlobCounts:
    """How many blobs there are, for status."""

    here: int
    bytes_here: int
    lacking: int
    """Referred to and not here."""


def referred(op: Op) -> BlobName | None:
    """Returns the blob that an op may refer to, by the shape of its value.

    The `id` of something else may look like a UUID; such a blob is simply found nowhere.
    """
    if not isinstance(op, PropertyOp) or op.value is None:
        return None
    if op.key == "hash" and len(op.value) == _STATIC_TEXT_BYTES:
        kind, check = STATIC, ids.checked_hash
    elif op.key == "id" and len(op.value) in _VAR_TEXT_BYTES:
        kind, check = VAR, ids.checked_uuid
    else:
        return None
    try:
        return BlobName(kind, check(decode(op.value)))
    except (FormatError, InvalidValueError):
        return None


def _all_referred(ops: Iterable[Op]) -> list[BlobName]:
    """Returns what ops may refer to, each once."""
    telling = [op for op in ops if isinstance(op, PropertyOp) and op.key in _REFERRING_KEYS]
    return list(dict.fromkeys(blob for blob in map(referred, telling) if blob is not None))


def note_references(connection: apsw.Connection, ops: Iterable[Op]) -> bool:
    """Notes the blobs that ops refer to; tells whether one of them is not here."""
    found = _all_referred(ops)
    connection.executemany(
        "INSERT INTO blob (kind, name, is_referenced) VALUES (?, ?, 1)"
        " ON CONFLICT (kind, name) DO UPDATE SET is_referenced = 1",
        [(blob.kind, blob.name) for blob in found],
    )
    return bool(found)


def check_again(connection: apsw.Connection, layer: str, ops: Iterable[Op]) -> int:
    """Owes a server the blobs that newly acknowledged ops refer to, until it shows to hold them."""
    before = connection.total_changes()
    found = _all_referred(ops)
    connection.executemany(
        "INSERT OR IGNORE INTO blob_debt SELECT layer.id, blob.id FROM layer, blob"
        " WHERE layer.name = ? AND blob.kind = ? AND blob.name = ? AND blob.is_here",
        [(layer, blob.kind, blob.name) for blob in found],
    )
    return connection.total_changes() - before


def owe_everything(connection: apsw.Connection, layer: str) -> None:
    """Owes a server every blob that is here, whatever it was shown to hold before."""
    connection.execute(
        "INSERT OR IGNORE INTO blob_debt SELECT layer.id, blob.id FROM layer, blob"
        " WHERE layer.name = ? AND blob.is_here",
        (layer,),
    )
    # Revisions of another history: what they stand for is not known.
    connection.execute(
        "DELETE FROM blob_agreed WHERE layer = (SELECT id FROM layer WHERE name = ?)", (layer,)
    )


class Blobs:
    """The stored facts about the blobs of one space."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def arrived(
        self,
        blobs: Sequence[LocalBlob],
        *,
        source: str | None = None,
        looks: Mapping[str, StaticLook] | None = None,
    ) -> None:
        """Notes blobs that are durable here; every server but `source` is owed what is new.

        `looks` remember what the immutable ones of them are as files.
        """

        def work(connection: apsw.Connection) -> None:
            note_looks(connection, looks or {})
            for local in blobs:
                known = sql.rows(
                    connection,
                    "SELECT size, sha256 FROM blob WHERE kind = ? AND name = ? AND is_here",
                    (local.blob.kind, local.blob.name),
                )
                if known == [(local.size, local.sha256)]:
                    continue
                if known and local.blob.kind == VAR:
                    _replaced(connection, known[0][1], local)
                connection.execute(
                    "INSERT INTO blob (kind, name, size, sha256, is_here) VALUES (?, ?, ?, ?, 1)"
                    " ON CONFLICT (kind, name) DO UPDATE"
                    " SET size = excluded.size, sha256 = excluded.sha256, is_here = 1,"
                    " is_wanted = 0",
                    (local.blob.kind, local.blob.name, local.size, local.sha256),
                )
                connection.execute(
                    "INSERT OR IGNORE INTO blob_debt SELECT layer.id, blob.id FROM layer, blob"
                    " WHERE kind = ? AND blob.name = ? AND layer.name NOT IN ('folder', ?)",
                    (local.blob.kind, local.blob.name, source or ""),
                )

        await self._database.write(work)

    async def gone(self, blobs: Iterable[BlobName]) -> None:
        """Notes that blobs are not here any more. Nobody else is asked to remove anything."""
        names = [(blob.kind, blob.name) for blob in blobs]

        def work(connection: apsw.Connection) -> None:
            connection.executemany(
                "DELETE FROM blob_debt WHERE blob ="
                " (SELECT id FROM blob WHERE kind = ? AND name = ?)",
                names,
            )
            connection.executemany("UPDATE blob SET is_here = 0 WHERE kind = ? AND name = ?", names)

        await self._database.write(work)

    async def is_here(self, blob: BlobName) -> bool:
        """Tells whether a blob is noted as being here."""
        found = await self._database.read(
            lambda connection: sql.rows(
                connection,
                "SELECT 1 FROM blob WHERE kind = ? AND name = ? AND is_here",
                (blob.kind, blob.name),
            )
        )
        return bool(found)

    async def lacking_of(self, blobs: Sequence[BlobName]) -> list[BlobName]:
        """Returns those of some blobs that are not noted as being here, in one look."""
        query = "SELECT 1 FROM blob WHERE kind = ? AND name = ? AND is_here"

        def work(connection: apsw.Connection) -> list[BlobName]:
            return [blob for blob in blobs if not sql.first(connection, query, _place(blob))]

        return await self._database.read(work)

    async def here(self) -> dict[BlobName, LocalBlob]:
        """Returns every blob that is noted as being here."""
        return _by_name(await self._database.read(lambda connection: sql.rows(connection, _HERE)))

    async def static_here(self, directories: Iterable[str]) -> dict[BlobName, LocalBlob]:
        """Returns the immutable files here whose names begin as directories are named."""
        query = _HERE + " AND kind = 'static' AND name BETWEEN ? AND ?"

        def work(connection: apsw.Connection) -> list[Any]:
            return [
                row
                for names in sql.beginnings(directories)
                for row in sql.rows(connection, query, names)
            ]

        return _by_name(await self._database.read(work))

    async def var_here(self) -> dict[BlobName, LocalBlob]:
        """Returns every mutable file that is noted as being here."""
        return _by_name(
            await self._database.read(
                lambda connection: sql.rows(connection, _HERE + " AND kind = 'var'")
            )
        )

    async def owed(self, layer: str, limit: int) -> list[LocalBlob]:
        """Returns blobs that a server is not known to hold."""
        found = await self._database.read(
            lambda connection: sql.rows(
                connection,
                "SELECT kind, name, size, sha256 FROM blob_debt JOIN blob ON blob.id = blob"
                " WHERE layer = (SELECT id FROM layer WHERE name = ?) AND is_here"
                " ORDER BY size LIMIT ?",
                (layer, limit),
            )
        )
        return [LocalBlob(BlobName(kind, name), *facts) for kind, name, *facts in found]

    async def lacking(self) -> list[BlobName]:
        """Returns blobs that ops refer to and that are not here."""
        found = await self._database.read(
            lambda connection: sql.rows(
                connection, "SELECT kind, name FROM blob WHERE is_referenced AND NOT is_here"
            )
        )
        return [BlobName(*row) for row in found]

    async def settle(self, layer: str, blob: LocalBlob, *, revision: str | None = None) -> None:
        """Ends a debt: the server holds this very content."""

        def work(connection: apsw.Connection) -> None:
            place = (layer, blob.blob.kind, blob.blob.name)
            connection.execute(
                "DELETE FROM blob_debt WHERE layer = (SELECT id FROM layer WHERE name = ?)"
                " AND blob = (SELECT id FROM blob WHERE kind = ? AND name = ? AND sha256 = ?)",
                (*place, blob.sha256),
            )
            if revision is not None:
                _agree(connection, place, Agreement(blob.sha256, revision))

        await self._database.write(work)

    async def settle_static(self, layer: str, blobs: Sequence[LocalBlob]) -> None:
        """Ends the debts of immutable files that the server holds, in one commit."""
        names = [(layer, blob.blob.kind, blob.blob.name, blob.sha256) for blob in blobs]
        await self._database.write(
            lambda connection: connection.executemany(
                "DELETE FROM blob_debt WHERE layer = (SELECT id FROM layer WHERE name = ?)"
                " AND blob = (SELECT id FROM blob WHERE kind = ? AND name = ? AND sha256 = ?)",
                names,
            )
        )

    async def take_for_agreed(self, layer: str, blob: BlobName, there: Agreement) -> bool:
        """Agrees to what a server has if that was here before; tells whether it was.

        Then the server lags behind: it never got what came after, or its answer was lost.
        """
        place = (layer, blob.kind, blob.name)

        def work(connection: apsw.Connection) -> bool:
            was_here = sql.first(
                connection,
                "SELECT 1 FROM blob_former JOIN blob ON blob.id = blob_former.blob"
                " WHERE kind = ? AND name = ? AND blob_former.sha256 = ?",
                (blob.kind, blob.name, there.sha256),
            )
            if was_here:
                _agree(connection, place, there)
            return bool(was_here)

        return await self._database.write(work)

    async def forget_agreement(self, layer: str, blob: BlobName) -> None:
        """Notes that a server does not have a mutable blob at all, whatever it had before."""
        await self._database.write(
            lambda connection: connection.execute(
                "DELETE FROM blob_agreed WHERE layer = (SELECT id FROM layer WHERE name = ?)"
                " AND blob = (SELECT id FROM blob WHERE kind = ? AND name = ?)",
                (layer, blob.kind, blob.name),
            )
        )

    async def agreement(self, layer: str, blob: BlobName) -> Agreement | None:
        """Returns what a server and this device last had in common of a mutable blob."""
        found = await self._database.read(
            lambda connection: sql.rows(
                connection,
                "SELECT blob_agreed.sha256, revision FROM blob_agreed"
                " JOIN layer ON layer.id = layer JOIN blob ON blob.id = blob"
                " WHERE layer.name = ? AND kind = ? AND blob.name = ?",
                (layer, blob.kind, blob.name),
            )
        )
        return Agreement(*found[0]) if found else None

    async def debt(self, layer: str) -> tuple[int, int]:
        """Returns how many blobs, and bytes, a server is not known to hold."""
        (found,) = await self._database.read(
            lambda connection: sql.rows(
                connection,
                "SELECT count(*), coalesce(sum(size), 0) FROM blob_debt"
                " JOIN blob ON blob.id = blob"
                " WHERE layer = (SELECT id FROM layer WHERE name = ?) AND is_here",
                (layer,),
            )
        )
        return found[0], found[1]

    async def counts(self) -> BlobCounts:
        """Returns how many blobs there are."""
        (found,) = await self._database.read(
            lambda connection: sql.rows(
                connection,
                "SELECT coalesce(sum(is_here), 0), coalesce(sum(iif(is_here, size, 0)), 0),"
                " coalesce(sum(is_referenced AND NOT is_here), 0) FROM blob",
            )
        )
        return BlobCounts(*found)


_HERE = "SELECT kind, name, size, sha256 FROM blob WHERE is_here"


def _by_name(found: Iterable[Any]) -> dict[BlobName, LocalBlob]:
    blobs = (LocalBlob(BlobName(kind, name), size, sha256) for kind, name, size, sha256 in found)
    return {local.blob: local for local in blobs}


def _place(blob: BlobName) -> tuple[str, str]:
    return blob.kind, blob.name


def _agree(connection: apsw.Connection, place: tuple[str, str, str], agreement: Agreement) -> None:
    """Notes what a server and this device have in common."""
    connection.execute(
        "INSERT OR REPLACE INTO blob_agreed SELECT layer.id, blob.id, ?, ?"
        " FROM layer, blob WHERE layer.name = ? AND kind = ? AND blob.name = ?",
        (agreement.sha256, agreement.revision, *place),
    )


def _replaced(connection: apsw.Connection, former_sha256: str, local: LocalBlob) -> None:
    """Notes that a mutable blob had another content until now; the last ones are remembered."""
    found = "FROM blob WHERE kind = ? AND name = ?"
    place = (local.blob.kind, local.blob.name)
    connection.execute(
        f"INSERT OR REPLACE INTO blob_former (blob, sha256) SELECT id, ? {found}",
        (former_sha256, *place),
    )
    connection.execute(
        f"DELETE FROM blob_former WHERE blob = (SELECT id {found}) AND sha256 = ?",
        (*place, local.sha256),
    )
    connection.execute(
        f"DELETE FROM blob_former WHERE blob = (SELECT id {found}) AND id NOT IN (SELECT id FROM"
        f" blob_former WHERE blob = (SELECT id {found}) ORDER BY id DESC LIMIT ?)",
        (*place, *place, FORMER_MAX),
    )
