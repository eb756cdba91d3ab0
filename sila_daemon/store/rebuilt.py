"""What is remembered of a store that had to be made anew."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from sila_daemon.store import sql

if TYPE_CHECKING:
    import apsw

    from sila_daemon.database.database import Database

_NOTE = "rebuilt"


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """When a store was made anew, why, and what came of the old one."""

    at_ms: int
    """Unix milliseconds."""
    reason: str
    """What was wrong with the old one."""
    kept: str | None = None
    """Where its file is kept; None when it was gone."""
    ops: int = 0
    """How many could be read of it."""
    unread_ops: int | None = 0
    """How many could not; None when nobody knows."""
    unread_parts: tuple[str, ...] = ()
    """What else could not be read whole."""
    removed: tuple[str, ...] = ()
    """Older damaged files that were removed, since only so many are kept."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the old one is known to be lost."""
        return self.kept is not None and self.unread_ops == 0 and not self.unread_parts

    @property
    def sentence(self) -> str:
        """Says it to people."""
        if self.kept is None:
            return f"the database of the space was made anew: {self.reason}"
        if self.unread_ops is None:
            lost = "how many more there were is not known"
        elif self.unread_ops:
            lost = f"{self.unread_ops:,} could not be read"
        else:
            lost = "none is missing"
        parts = f"; not whole are: {', '.join(self.unread_parts)}" if self.unread_parts else ""
        removed = f"; removed for it: {', '.join(self.removed)}" if self.removed else ""
        return (
            f"the database of the space was damaged and made anew: {self.ops:,} ops were read from"
            f" it, {lost}{parts}; it is kept as {self.kept}{removed}"
        )


async def note_rebuilt(database: Database, rebuilt: Rebuilt) -> None:
    """Remembers it in the new store."""
    text = json.dumps(asdict(rebuilt))

    def work(connection: apsw.Connection) -> None:
        connection.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (_NOTE, text))

    await database.write(work)


async def load_rebuilt(database: Database) -> Rebuilt | None:
    """Returns what is remembered; None when the store is the first one."""
    found = await database.read(
        lambda connection: sql.first(connection, "SELECT value FROM note WHERE name = ?", (_NOTE,))
    )
    if found is None:
        return None
    facts = json.loads(found)
    facts["unread_parts"] = tuple(facts["unread_parts"])
    facts["removed"] = tuple(facts["removed"])
    return Rebuilt(**facts)
