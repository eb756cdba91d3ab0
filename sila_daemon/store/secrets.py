"""Secrets with their removals, and what each layer was last seen to hold."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sila_daemon.store import sql
from sila_daemon.store.op_table import restored, stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    import apsw

    from sila_daemon.database.database import Database


@dataclass(slots=True)
class SecretSet:
    """Secrets and tombstones; both may stand under one name, the value being the newer one."""

    values: dict[str, str] = field(default_factory=dict)
    removed: dict[str, str] = field(default_factory=dict)
    """SHA-256 of the value that was removed: that value does not come back."""


def fingerprint(value: str) -> str:
    """Returns the SHA-256 of a secret, as tombstones hold it."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def merged(
    mine: SecretSet, theirs: SecretSet, base: Mapping[str, str], *, prefer_theirs: bool
) -> SecretSet:
    """Merges name by name; a name that is absent changes nothing.

    `base` tells, by fingerprint, what the other side was last seen to hold: what did not change
    there since is older than what is here. Where both changed, `prefer_theirs` decides.
    """
    result = SecretSet(dict(mine.values), {**theirs.removed, **mine.removed})
    for name, removed in theirs.removed.items():
        value = mine.values.get(name)
        if value is not None and fingerprint(value) == removed:
            del result.values[name]
            result.removed[name] = removed
    for name, value in theirs.values.items():
        theirs_print = fingerprint(value)
        if theirs_print in (mine.removed.get(name), theirs.removed.get(name)):
            continue
        own = result.values.get(name)
        if own is None:
            if name not in mine.removed or base.get(name) != theirs_print:
                result.values[name] = value
        elif own != value and base.get(name) != theirs_print:
            is_changed_here = base.get(name) != fingerprint(own)
            if prefer_theirs or not is_changed_here:
                result.values[name] = value
    return result


class Secrets:
    """The stored secrets of one space."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> SecretSet:
        """Returns values and tombstones."""
        return await self._database.read(_load)

    async def set(self, name: str, value: str | None) -> None:
        """Sets a secret, or removes it for good with None."""

        def work(connection: apsw.Connection) -> None:
            secrets = _load(connection)
            if value is not None:
                secrets.values[name] = value
                if secrets.removed.get(name) == fingerprint(value):
                    del secrets.removed[name]
            elif name in secrets.values:
                secrets.removed[name] = fingerprint(secrets.values.pop(name))
            _save(connection, secrets)

        await self._database.write(work)

    async def merge_from(self, layer: str, theirs: SecretSet, *, prefer_theirs: bool) -> SecretSet:
        """Takes over what another side holds, notes that it holds it, and returns the outcome."""

        def work(connection: apsw.Connection) -> SecretSet:
            before, base = _load(connection), _base(connection, layer)
            outcome = merged(before, theirs, base, prefer_theirs=prefer_theirs)
            # This runs at every look at a folder, and mostly finds what was there before.
            if outcome != before:
                _save(connection, outcome)
            if any(base.get(name) != fingerprint(value) for name, value in theirs.values.items()):
                _save_base(connection, layer, theirs.values)
            return outcome

        return await self._database.write(work)

    async def set_base(self, layer: str, values: Mapping[str, str]) -> None:
        """Notes what a layer holds now."""
        await self._database.write(lambda connection: _save_base(connection, layer, values))


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
            for name in secrets.values.keys() | secrets.removed.keys()
        ],
    )


def _stored(value: str | None) -> str | bytes | None:
    return None if value is None else stored(value)


def _base(connection: apsw.Connection, layer: str) -> dict[str, str]:
    found = sql.rows(
        connection,
        "SELECT name, hash FROM secret_base WHERE layer = (SELECT id FROM layer WHERE name = ?)",
        (layer,),
    )
    return {restored(name): known for name, known in found}


def _save_base(connection: apsw.Connection, layer: str, values: Mapping[str, str]) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO secret_base SELECT id, ?, ? FROM layer WHERE name = ?",
        [(stored(name), fingerprint(value), layer) for name, value in values.items()],
    )
