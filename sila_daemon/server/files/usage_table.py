"""How much every user holds in every space, kept while the spaces are closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.server.files.file_rows import Used

if TYPE_CHECKING:
    import apsw

    from sila_daemon.database.database import Database
    from sila_daemon.server.files.quotas import Quotas


class UsageTable:
    """Keeps what users hold in spaces that are not open; each space's own count is the truth."""

    def __init__(self, database: Database, quotas: Quotas) -> None:
        self._database = database
        self._quotas = quotas

    async def load(self) -> None:
        """Reads what was written last."""
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT space_id, user_id, bytes, files FROM usage"
            ).fetchall()
        )
        spaces: dict[str, dict[str, Used]] = {}
        for space_id, user_id, size, files in rows:
            spaces.setdefault(str(space_id), {})[str(user_id)] = Used(int(size), int(files))  # type: ignore[arg-type]
        for space_id, held in spaces.items():
            self._quotas.know(space_id, held)
        self._quotas.take_changed()

    async def write(self) -> None:
        """Writes what has changed. Raises StorageError, and tries again the next time."""
        changed = self._quotas.take_changed()
        if not changed:
            return
        rows = [
            (user_id, space_id, used.bytes, used.files)
            for space_id in changed
            for user_id, used in self._quotas.of_space(space_id).items()
            if used != Used()
        ]

        def work(connection: apsw.Connection) -> None:
            connection.executemany(
                "DELETE FROM usage WHERE space_id = ?", [(space_id,) for space_id in changed]
            )
            connection.executemany("INSERT INTO usage VALUES (?,?,?,?)", rows)

        try:
            await self._database.write(work)
        except BaseException:
            self._quotas.change_again(changed)
            raise
