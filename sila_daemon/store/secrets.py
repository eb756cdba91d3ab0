"""Secrets with their removals, and what each layer was last seen to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.store import sql
from sila_daemon.store.op_table import restored, stored
from sila_daemon.store.secret_merge import (
    NEVER_SEEN,
    SecretSet,
    Seen,
    fingerprint,
    merged,
    with_value,
)
from sila_daemon.store.secret_swaps import SecretSwaps

if TYPE_CHECKING:
    from collections.abc import Mapping

    import apsw

    from sila_daemon.database.database import Database
    from sila_daemon.ports.clock import Clock


class Secrets:
    """The stored secrets of one space."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._swaps = SecretSwaps(clock)

    async def load(self) -> SecretSet:
        """Returns values and tombstones."""
        return await self._database.read(_load)

    async def set(self, name: str, value: str | None) -> None:
        """Sets a secret, or removes it for good with None."""

        def work(connection: apsw.Connection) -> None:
            secrets = _load(connection)
            secrets.put(name, with_value(secrets.entry(name), value))
            _save(connection, secrets)

        await self._database.write(work)
        self._swaps.forget(name)

    async def merge_from(self, layer: str, theirs: SecretSet, *, prefer_theirs: bool) -> SecretSet:
        """Takes over what another side holds, notes that it holds it, and returns the outcome."""
        contested = self._swaps.contested()

        def work(connection: apsw.Connection) -> tuple[SecretSet, SecretSet]:
            before, base = _load(connection), _base(connection, layer)
            outcome = merged(before, theirs, base, prefer_theirs=prefer_theirs, contested=contested)
            # This runs at every look at a folder, and mostly finds what was there before.
            if outcome != before:
                _save(connection, outcome)
            _save_base(connection, layer, theirs, base)
            return before, outcome

        before, outcome = await self._database.write(work)
        self._swaps.note(before, outcome)
        return outcome

    async def set_base(self, layer: str, secrets: SecretSet) -> None:
        """Notes what a layer holds now."""
        await self._database.write(
            lambda connection: _save_base(connection, layer, secrets, _base(connection, layer))
        )


def _load(connection: apsw.Connection) -> SecretSet:
    secrets = SecretSet()
    for name, value, removed in sql.rows(connection, "SELECT name, value, removed FROM secret"):
        if value is not None:
            secrets.values[restored(name)] = restored(value)
        if removed is not None:
            secrets.removed[restored(name)] = removed
    return secrets


def _save(connection: apsw.Connection, secrets: SecretSet) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO secret VALUES (?, ?, ?)",
        [
            (stored(name), _stored(secrets.values.get(name)), secrets.removed.get(name))
            for name in {**secrets.values, **secrets.removed}
        ],
    )


def _stored(value: str | None) -> str | bytes | None:
    return None if value is None else stored(value)


def _base(connection: apsw.Connection, layer: str) -> dict[str, Seen]:
    found = sql.rows(
        connection,
        "SELECT name, hash, removed FROM secret_base"
        " WHERE layer = (SELECT id FROM layer WHERE name = ?)",
        (layer,),
    )
    return {restored(name): Seen(value, removed) for name, value, removed in found}


def _save_base(
    connection: apsw.Connection, layer: str, secrets: SecretSet, base: Mapping[str, Seen]
) -> None:
    """Notes what is said; of what is not said any more, the last word stays known."""
    rows = []
    for name in {**secrets.values, **secrets.removed}:
        before, (value, removed) = base.get(name, NEVER_SEEN), secrets.entry(name)
        seen = Seen(
            before.value if value is None else fingerprint(value), removed or before.removed
        )
        if seen != before:
            rows.append((stored(name), *seen, layer))
    connection.executemany(
        "INSERT OR REPLACE INTO secret_base SELECT id, ?, ?, ? FROM layer WHERE name = ?", rows
    )
