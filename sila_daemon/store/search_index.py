"""An index of what properties say, over the ops of a space: finds where words may stand.

It is made when somebody searches for the first time, and goes on from there: a space that nobody
searches pays nothing. It stands in the space's database, so that both are always of one moment,
and is derived: dropping it loses nothing.

SQLite's FTS5 keeps the three-letter sequences of each text, without places and without the text
itself; whoever asks compares the few texts that have all sequences of the words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from sila_daemon.core import json_value
from sila_daemon.core.errors import InvalidValueError
from sila_daemon.core.search_text import text_of
from sila_daemon.store import sql
from sila_daemon.store.op_table import restored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import apsw

    from sila_daemon.core.json_value import Json
    from sila_daemon.database.database import Database

CHUNK_OPS = 2000
"""Ops that one transaction adds: some twenty milliseconds."""
CHUNK_BYTES = 4 << 20
"""Fewer are added, and compared, when their values are larger than this together."""

STRUCTURE_BYTES_MAX = 1 << 18
"""Longer lists and objects are not searched."""

SEQUENCES_MAX = 500
"""A word of two letters stands for every sequence that begins with it. Where they are more, as may
be of one Chinese letter, the word narrows nothing down, and texts are only compared with it."""

_GRAM = 3
_SEQ_MAX = 1 << 62
_END = " " * (_GRAM - 1)
"""Follows every text, so that its last letters begin a sequence, too."""

_MAKE = """
CREATE VIRTUAL TABLE IF NOT EXISTS search_text USING fts5(
    text, content='', detail='none', columnsize=0, tokenize='trigram'
);
CREATE VIRTUAL TABLE IF NOT EXISTS search_sequence USING fts5vocab(search_text, 'row');
CREATE TABLE IF NOT EXISTS search_state (seq INTEGER NOT NULL) STRICT;
INSERT INTO search_state SELECT 0 WHERE NOT EXISTS (SELECT * FROM search_state);
"""


class Progress(NamedTuple):
    """How far the index is: numbers of ops, in the order in which they came."""

    indexed: int
    newest: int


class Candidate(NamedTuple):
    """An op that set a property to a text with all sequences of the words."""

    seq: int
    tree_id: str
    target: str
    key: str
    value: Json


class SearchIndex:
    """The index of one space."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def catch_up(self, is_enough: Callable[[], bool]) -> Progress:
        """Adds ops that are new, in chunks, until all are in or `is_enough` says so.

        Raises StorageError.
        """
        while True:
            progress = await self._database.write(_add_chunk)
            if progress.indexed >= progress.newest or is_enough():
                return progress

    async def candidates(
        self, words: Iterable[str], before: int | None, limit: int
    ) -> list[Candidate]:
        """Returns ops that may have all words, the newest first, below the number `before`.

        They are fewer than `limit` also when their values are large; none only at the end.

        `words` are folded, as `words_of` gives them.
        """
        return await self._database.read(
            lambda connection: _candidates(connection, list(words), before, limit)
        )


def _add_chunk(connection: apsw.Connection) -> Progress:
    connection.execute(_MAKE)
    indexed: int = sql.first(connection, "SELECT seq FROM search_state")
    newest: int = sql.first(connection, "SELECT coalesce(max(seq), 0) FROM op")
    rows = _bounded(
        connection.execute(
            "SELECT seq, key, value FROM op WHERE seq > ? ORDER BY seq LIMIT ?",
            (indexed, CHUNK_OPS),
        )
    )
    texts = [(seq, _text(restored(key), value)) for seq, key, value in rows if key is not None]
    connection.executemany(
        "INSERT INTO search_text (rowid, text) VALUES (?, ?)",
        [(seq, text.casefold() + _END) for seq, text in texts if text],
    )
    reached: int = rows[-1][0] if rows else newest
    connection.execute("UPDATE search_state SET seq = ?", (reached,))
    return Progress(reached, newest)


def _bounded(rows: Iterable[Any]) -> list[Any]:
    """Returns rows up to the one whose value, the last column, makes them too large together."""
    found: list[Any] = []
    size = 0
    for row in rows:
        found.append(row)
        size += len(row[-1] or b"")
        if size > CHUNK_BYTES:
            break
    return found


def _text(key: str, value: bytes | None) -> str:
    if value is None or (len(value) > STRUCTURE_BYTES_MAX and value[:1] != b'"'):
        return ""
    try:
        text = text_of(key, _decoded(value))
    except (InvalidValueError, ValueError, RecursionError):
        return ""  # What cannot be read is not found.
    return text.encode(errors="replace").decode()


def _decoded(value: bytes | None) -> Json:
    if value is None:
        return None
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return json_value.decode(value)


def _candidates(
    connection: apsw.Connection, words: list[str], before: int | None, limit: int
) -> list[Candidate]:
    query = _query(connection, words)
    if query is None:
        return []
    below = _SEQ_MAX if before is None else max(0, min(before, _SEQ_MAX))
    if not query:
        return _all_below(connection, below, limit)
    found = _bounded(
        connection.execute(
            "SELECT op.seq, tree.name, target, key, value FROM"
            " (SELECT rowid AS seq FROM search_text WHERE search_text MATCH ? AND rowid < ?"
            "  ORDER BY rowid DESC LIMIT ?) AS hit CROSS JOIN op ON op.seq = hit.seq"
            " JOIN tree ON tree.id = op.tree",
            (query, below, limit),
        )
    )
    return [
        Candidate(seq, tree_id, restored(target), restored(key), _decoded(value))
        for seq, tree_id, target, key, value in found
    ]


def _all_below(connection: apsw.Connection, below: int, limit: int) -> list[Candidate]:
    """Returns every property op that is indexed, as no word narrows them down."""
    found = _bounded(
        connection.execute(
            "SELECT op.seq, tree.name, target, key, value FROM op JOIN tree ON tree.id = op.tree"
            " WHERE op.seq < ? AND op.seq <= (SELECT seq FROM search_state) AND key IS NOT NULL"
            " ORDER BY op.seq DESC LIMIT ?",
            (below, limit),
        )
    )
    return [
        Candidate(
            seq,
            tree_id,
            restored(target),
            restored(key),
            _decoded(value) if _text(restored(key), value) else None,
        )
        for seq, tree_id, target, key, value in found
    ]


def _query(connection: apsw.Connection, words: list[str]) -> str | None:
    """Returns what FTS5 is asked, empty for everything; None when nothing can be found."""
    parts = []
    for word in words:
        # What cannot be encoded is in no text.
        letters = word.encode(errors="replace").decode()
        if len(letters) >= _GRAM:
            sequences = [letters[at : at + _GRAM] for at in range(len(letters) - _GRAM + 1)]
            parts += [_quoted(sequence) for sequence in dict.fromkeys(sequences)]
            continue
        if len(letters) == 1 and letters.isascii():
            continue  # It stands nearly everywhere; the texts are compared anyway.
        beginning = sql.rows(
            connection,
            "SELECT term FROM search_sequence WHERE term >= ? AND term < ? LIMIT ?",
            (letters, letters + "\U0010ffff", SEQUENCES_MAX + 1),
        )
        if len(beginning) > SEQUENCES_MAX:
            continue
        if not beginning:
            return None
        parts.append("(" + " OR ".join(_quoted(term) for (term,) in beginning) + ")")
    return " AND ".join(parts)


def _quoted(sequence: str) -> str:
    return '"' + sequence.replace('"', '""') + '"'
