"""Ops of one space by the time at which the server received them, page by page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sila_daemon.core.wire import encode_ops
from sila_daemon.server.json_text import dumps
from sila_daemon.server.ops.op_rows import COLUMNS

if TYPE_CHECKING:
    import apsw

    from sila_daemon.server.ops.op_store import OpStore

PAGE_OPS = 1000
PAGE_BYTES = 512 << 10
SCANNED_OPS = 20_000
"""Ops looked at for one page, so that a tree that has few of them is answered soon, too."""

_COMMITS = (
    "SELECT received_at, first_seq, last_seq, (SELECT name FROM senders WHERE id = sender_id)"
    " FROM commits WHERE (received_at, last_seq) >= (?1, ?2) AND received_at < ?3"
    " ORDER BY received_at, last_seq"
)
_OPS = (
    f"SELECT {COLUMNS} FROM ops WHERE seq BETWEEN ?1 AND ?2"
    f" UNION ALL SELECT {COLUMNS} FROM alternates WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which ops are wanted."""

    tree_id: str | None = None
    since: int = 0
    """Unix milliseconds, included."""
    until: int = 1 << 60
    """Unix milliseconds, not included."""
    after: int | None = None
    """The number of the last op of the page before."""


@dataclass(slots=True)
class HistoryPage:
    """Ops in the order in which they were received."""

    entries: list[str] = field(default_factory=list)
    """Each as JSON: `seq`, `receivedAt`, `userId`, `treeId`, `op`."""
    next: int | None = None
    """What to ask for as `after`; None at the end."""
    size: int = 0
    scanned: int = 0
    last_seq: int = 0
    """The number of the op that was looked at last."""

    @property
    def is_full(self) -> bool:
        """Whether the next op belongs to another page."""
        return (
            len(self.entries) >= PAGE_OPS or self.size >= PAGE_BYTES or self.scanned >= SCANNED_OPS
        )

    def to_json(self) -> str:
        """Renders the answer of the route."""
        entries = ",".join(self.entries)
        return f'{{"ok":true,"ops":[{entries}],"next":{dumps(self.next)}}}'


async def history(store: OpStore, asked: Asked) -> HistoryPage:
    """Returns one page. An `after` that is not in the history ends it."""

    def work(connection: apsw.Connection) -> HistoryPage:
        page = HistoryPage()
        start = asked.since, 0
        if asked.after:
            found: Any = connection.execute(
                "SELECT received_at, last_seq FROM commits WHERE last_seq >= ?"
                " ORDER BY last_seq LIMIT 1",
                (asked.after,),
            ).fetchone()
            if found is None:
                return page
            start = max(start, (found[0], found[1]))
        commits: Any = connection.execute(_COMMITS, (*start, asked.until))
        for received_at, first, last, sender in commits:
            after = asked.after or 0
            begin = after + 1 if first <= after <= last else first
            _add(store, connection, page, asked, (received_at, begin, last, sender))
            if page.next is not None:
                break
        return page

    return await store.database.read(work)


def _add(
    store: OpStore,
    connection: apsw.Connection,
    page: HistoryPage,
    asked: Asked,
    commit: tuple[int, int, int, str],
) -> None:
    """Adds the ops of a commit that are wanted, as many as fit."""
    received_at, begin, last, sender = commit
    rows: Any = connection.execute(_OPS, (begin, last))
    for row in rows:
        if page.is_full:
            page.next = page.last_seq
            return
        page.scanned += 1
        page.last_seq = row[0]
        tree_id = store.trees.name(connection, row[1])
        if asked.tree_id not in (None, tree_id):
            continue
        op = encode_ops([store.to_op(connection, row)]).decode()[1:-1]
        facts = dumps(
            {
                "seq": row[0],
                "receivedAt": received_at,
                "userId": sender.partition("/")[0],
                "treeId": tree_id,
            }
        )
        page.entries.append(f'{facts[:-1]},"op":{op}}}')
        page.size += len(page.entries[-1])
