"""Immutable files that ops refer to and that are not here: what is known of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.core.errors import FormatError
from sila_daemon.core.json_value import decode
from sila_daemon.core.tree_state import milliseconds_of
from sila_daemon.store import sql
from sila_daemon.store.blobs import STATIC, BlobName
from sila_daemon.store.fetch_policy import FileFacts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sila_daemon.core.json_value import Json
    from sila_daemon.database.database import Database

# The creation time is the property that follows a vertex's first move: of a million vertices
# only those are looked at that are files.
_LACKING = """
SELECT blob.name, blob.size, is_wanted,
  (SELECT value FROM op AS told INDEXED BY op_size WHERE told.key = 'size'
   AND told.tree = refers.tree AND told.target = refers.target ORDER BY counter DESC LIMIT 1),
  (SELECT made.value FROM op AS birth INDEXED BY op_moved CROSS JOIN op AS made
   ON made.tree = birth.tree AND made.peer = birth.peer AND made.counter = birth.counter + 1
   WHERE birth.key IS NULL AND birth.tree = refers.tree AND birth.target = refers.target
   AND made.target = birth.target AND made.key = '_c' ORDER BY birth.counter LIMIT 1)
FROM blob LEFT JOIN op AS refers INDEXED BY op_hash
  ON refers.key = 'hash' AND refers.value = CAST('"' || blob.name || '"' AS BLOB)
WHERE kind = 'static' AND is_referenced AND NOT is_here
ORDER BY blob.id
"""


@dataclass(frozen=True, slots=True)
class LackingFile:
    """An immutable file that is not here."""

    blob: BlobName
    facts: tuple[FileFacts, ...]
    """One for each place that refers to it."""
    is_wanted: bool
    """Somebody asked for it."""

    @property
    def size(self) -> int | None:
        """Returns its bytes, as far as they are known."""
        return next((facts.size for facts in self.facts if facts.size is not None), None)


class Lacking:
    """The stored facts about files that are not here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[LackingFile]:
        """Returns every immutable file that is referred to and not here."""
        found: dict[str, tuple[list[FileFacts], bool]] = {}
        for name, size, is_wanted, told, created in await self._database.read(
            lambda connection: sql.rows(connection, _LACKING)
        ):
            facts, _ = found.setdefault(name, ([], bool(is_wanted)))
            facts.append(FileFacts(_size(told) if size is None else size, _created_ms(created)))
        return [
            LackingFile(BlobName(STATIC, name), tuple(facts), is_wanted)
            for name, (facts, is_wanted) in found.items()
        ]

    async def want(self, blobs: Iterable[BlobName]) -> None:
        """Notes that somebody asks for files, whatever the policy says; durable."""
        names = [(blob.kind, blob.name) for blob in blobs]
        await self._database.write(
            lambda connection: connection.executemany(
                "UPDATE blob SET is_wanted = 1 WHERE kind = ? AND name = ? AND NOT is_here", names
            )
        )

    async def is_wanted(self, blob: BlobName) -> bool:
        """Tells whether somebody asked for a file."""
        query = "SELECT is_wanted FROM blob WHERE kind = ? AND name = ?"
        place = blob.kind, blob.name
        return bool(await self._database.read(lambda found: sql.first(found, query, place)))

    async def note_size(self, blob: BlobName, size: int) -> None:
        """Notes how many bytes a file has that is not here, as a server tells it."""
        query = "UPDATE blob SET size = ? WHERE kind = ? AND name = ? AND NOT is_here"
        facts = size, blob.kind, blob.name
        await self._database.write(lambda connection: connection.execute(query, facts))


def _size(text: bytes | None) -> int | None:
    value = _value(text)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None


def _created_ms(text: bytes | None) -> float | None:
    return milliseconds_of(_value(text))


def _value(text: bytes | None) -> Json:
    if text is None:
        return None
    try:
        return decode(text)
    except FormatError:
        return None
