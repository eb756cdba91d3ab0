"""Files that no tree refers to any more, found and removed with care.

Whatever might be a reference is one: any property value, or key, that holds a file's name, in any
spelling, in any op whose value was not overwritten for long. A vertex in the trash still refers.
A file is also kept while somebody sends it or was told lately that it is here, so that its op may
still come; ops that come during the search are looked at in the transaction that drops the row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import StorageError
from sila_daemon.server.files import file_rows

if TYPE_CHECKING:
    import apsw

    from sila_daemon.server.files.space_files import SpaceFiles
    from sila_daemon.server.ops.op_store import OpStore

PAGE_ROWS = 2000
_COUNT_SECONDS_MIN = 20 * 3600
_HEX = re.compile(r"[0-9a-fA-F-]{32,}")
_NAME_LENGTHS = (32, 64)
_COUNTED_AT = "orphans_counted_at"

Slot = tuple[int, Any, Any]
"""Tree, target and key of a property."""


@dataclass(slots=True)
class OrphanReport:
    """What was found, and whether it is gone."""

    static: list[str] = field(default_factory=list)
    var: list[str] = field(default_factory=list)
    bytes: int = 0
    is_removed: bool = False

    def to_json(self) -> dict[str, Any]:
        """Renders the report for commands."""
        return {
            "static": self.static,
            "var": self.var,
            "bytes": self.bytes,
            "removed": self.is_removed,
        }


@dataclass(slots=True)
class _Mention:
    """An op that names candidates."""

    counter: int
    seq: int
    names: set[str]


def names_in(text: str) -> Iterator[str]:
    """Yields everything in JSON text that may be the name of a file, in its plain spelling."""
    if "\\u" in text:
        try:
            text = json.dumps(json.loads(text), ensure_ascii=False)
        except (ValueError, RecursionError):
            pass  # Then it is searched as it stands.
    for run in _HEX.findall(text):
        bare = run.replace("-", "").lower()
        for length in _NAME_LENGTHS:
            for start in range(len(bare) - length + 1):
                yield bare[start : start + length]


class Orphans:
    """Looks through one space."""

    def __init__(self, files: SpaceFiles, ops: OpStore, seconds: float) -> None:
        self._files = files
        self._store = files.store
        self._ops = ops
        self._before = files.store.now_ms() - int(seconds * 1000)
        self._seen_seq = 0
        self._mentioned: set[str] = set()

    async def report(self) -> OrphanReport:
        """Returns what nothing has referred to for long; changes nothing."""
        sizes = await self._candidates()
        if sizes:
            await self._look_through(set(sizes))
        found = [name for name in sorted(sizes) if name not in self._mentioned]
        return OrphanReport(
            [name for name in found if len(name) == 64],
            [name for name in found if len(name) == 32],
            sum(sizes[name] for name in found),
        )

    async def count_day(self, report: OrphanReport, days: int) -> OrphanReport:
        """Notes that a day has passed for what was found; returns what has had enough of them."""
        now = self._store.now_ms()

        def work(connection: apsw.Connection) -> set[str]:
            row: Any = connection.execute(
                "SELECT value FROM meta WHERE key = ?", (_COUNTED_AT,)
            ).fetchone()
            is_new_day = row is None or abs(now - int(row[0])) >= _COUNT_SECONDS_MIN * 1000
            ripe: set[str] = set()
            for table, names in (("static_files", report.static), ("var_files", report.var)):
                ripe |= _count(connection, table, names, days, is_new_day=is_new_day)
            if is_new_day:
                connection.execute(
                    "INSERT OR REPLACE INTO meta VALUES (?,?)", (_COUNTED_AT, str(now))
                )
            return ripe

        ripe = await self._store.database.write(work)
        return OrphanReport(
            [name for name in report.static if name in ripe],
            [name for name in report.var if name in ripe],
        )

    async def remove(self, report: OrphanReport) -> OrphanReport:
        """Removes what is still without a reference; returns what that was."""
        gone = OrphanReport(is_removed=True)
        names = (*report.static, *report.var)
        if not names:
            return gone
        async with self._store.unsettled():
            for name in names:
                size = await self._remove(name)
                if size is not None:
                    (gone.static if len(name) == 64 else gone.var).append(name)
                    gone.bytes += size
        return gone

    async def _remove(self, name: str) -> int | None:
        blobs, is_static = self._store.blobs, len(name) == 64
        drop = file_rows.drop_static if is_static else file_rows.drop_var
        async with self._store.lock(name):
            if is_static and self._is_being_sent(name):
                return None

            def work(connection: apsw.Connection) -> int | None:
                while page := self._page(connection):
                    for _, _, _, _, key, value in page:
                        self._mentioned.update(_names_of(key, value))
                    self._seen_seq = page[-1][0]
                return None if name in self._mentioned else drop(connection, name, self._before)

            size = await self._store.write(work)
            if size is not None:
                remove = blobs.delete_static if is_static else blobs.delete_var
                await self._store.workers.run(lambda: remove(name))
            return size

    def _is_being_sent(self, blob_hash: str) -> bool:
        return self._files.static.is_being_sent(blob_hash) or self._files.uploads.is_sending(
            blob_hash
        )

    async def _candidates(self) -> dict[str, int]:
        """Returns files that nobody used for long, and how large they are."""

        def work(connection: apsw.Connection) -> dict[str, int]:
            rows = connection.execute(
                "SELECT hash, size FROM static_files WHERE used_at < ?1 AND hash NOT IN"
                " (SELECT sha256 FROM var_revisions WHERE is_side)"
                " UNION ALL SELECT id, size FROM var_files WHERE used_at < ?1",
                (self._before,),
            )
            return {str(row[0]): int(row[1]) for row in rows}

        found = await self._store.database.read(work)
        return {name: size for name, size in found.items() if not self._is_being_sent(name)}

    async def _look_through(self, candidates: set[str]) -> None:
        """Finds which candidates something refers to, or did until not long ago."""
        mentions: dict[Slot, list[_Mention]] = {}
        while page := await self._store.database.read(self._page):
            found = await self._store.workers.run(lambda p=page: _mentions(p, candidates))  # type: ignore[misc]
            for slot, mention in found:
                mentions.setdefault(slot, []).append(mention)
            self._seen_seq = page[-1][0]
        last, self._seen_seq = self._seen_seq, 0
        ended: dict[tuple[Slot, int], int] = {}
        while mentions and (page := await self._store.database.read(self._page)):
            later = [row for row in page if row[0] <= last and (row[1], row[3], row[4]) in mentions]
            for seq, tree, counter, target, key, _ in later:
                slot = tree, target, key
                for mention in mentions[slot]:
                    if counter > mention.counter:
                        place = slot, mention.seq
                        ended[place] = min(ended.get(place, seq), seq)
            self._seen_seq = page[-1][0]
        self._seen_seq = last
        for slot, named in mentions.items():
            for mention in named:
                end = ended.get((slot, mention.seq))
                if end is None or await self._received_at(max(end, mention.seq)) >= self._before:
                    self._mentioned |= mention.names

    async def _received_at(self, seq: int) -> int:
        row: Any = await self._store.database.read(
            lambda connection: connection.execute(
                "SELECT received_at FROM commits WHERE last_seq >= ? ORDER BY last_seq LIMIT 1",
                (seq,),
            ).fetchone()
        )
        if row is None:
            raise StorageError("an op belongs to no commit", code="database_corrupt")
        return int(row[0])

    def _page(self, connection: apsw.Connection) -> list[Any]:
        """Returns property ops after those seen: seq, tree, counter, target, key, value."""
        columns = "seq, tree, counter, target, key, value"
        return connection.execute(
            f"SELECT {columns} FROM ops WHERE seq > ?1 AND key IS NOT NULL"
            f" UNION ALL SELECT {columns} FROM alternates WHERE seq > ?1 AND key IS NOT NULL"
            " ORDER BY seq LIMIT ?2",
            (self._seen_seq, PAGE_ROWS),
        ).fetchall()


def _names_of(key: str | bytes, value: str | None) -> Iterator[str]:
    yield from names_in(key.decode("utf-8", "replace") if isinstance(key, bytes) else key)
    yield from names_in(value or "")


def _mentions(page: Iterable[Any], candidates: set[str]) -> list[tuple[Slot, _Mention]]:
    found = []
    for seq, tree, counter, target, key, value in page:
        names = candidates.intersection(_names_of(key, value))
        if names:
            found.append(((tree, target, key), _Mention(counter, seq, names)))
    return found


def _count(
    connection: apsw.Connection, table: str, names: list[str], days: int, *, is_new_day: bool
) -> set[str]:
    """Counts a day for these files, and starts anew for all others; returns the ripe ones."""
    key = "hash" if table == "static_files" else "id"
    listed = f"{key} IN (SELECT value FROM json_each(?1))"
    encoded = json.dumps(names)
    connection.execute(
        f"UPDATE {table} SET orphan_days = 0 WHERE orphan_days > 0 AND NOT {listed}", (encoded,)
    )
    if is_new_day:
        connection.execute(
            f"UPDATE {table} SET orphan_days = orphan_days + 1 WHERE {listed}", (encoded,)
        )
    rows = connection.execute(
        f"SELECT {key} FROM {table} WHERE orphan_days >= ?2 AND {listed}", (encoded, days)
    )
    return {str(row[0]) for row in rows}
