"""Secrets as they stand in the store, with tombstones and what each layer was seen to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_daemon.database.database import InlineDatabases
from sila_daemon.ports.clock import SystemClock
from sila_daemon.store.secret_merge import SecretSet, fingerprint, set_again
from sila_daemon.store.secrets import Secrets
from sila_daemon.store.servers import Servers
from sila_daemon.store.space_store import SpaceStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SpaceStore]:
    opened = await SpaceStore.open(InlineDatabases(), tmp_path / "s.sqlite", SystemClock())
    await opened.set_layers(["folder"])
    yield opened
    await opened.close()


async def test_secrets_are_stored_with_their_tombstones(store: SpaceStore) -> None:
    secrets = Secrets(store.database, SystemClock())
    await secrets.set("key", "value \ud83d")
    await secrets.set("other", "x")
    await secrets.set("other", None)
    assert await secrets.load() == SecretSet({"key": "value \ud83d"}, {"other": fingerprint("x")})
    theirs = SecretSet({"other": "x"})
    outcome = await secrets.merge_from("folder", theirs, prefer_theirs=True)
    assert outcome.values == {"key": "value \ud83d"}
    await secrets.set("other", "x")
    assert (await secrets.load()).values["other"] == "x"
    assert (await secrets.load()).removed == {"other": set_again("x")}


async def test_a_removal_is_not_undone_by_another_removal_that_was_seen(store: SpaceStore) -> None:
    secrets = Secrets(store.database, SystemClock())
    await secrets.set("key", "x")
    await secrets.set("key", None)
    theirs = SecretSet({}, {"key": fingerprint("y")})
    assert await secrets.merge_from("folder", theirs, prefer_theirs=False) == SecretSet(
        {}, {"key": fingerprint("x")}
    )
    await secrets.set_base("folder", await secrets.load())
    assert await secrets.merge_from("folder", theirs, prefer_theirs=False) == theirs


async def test_a_removal_in_a_backup_of_a_server_ends_nothing_newer(store: SpaceStore) -> None:
    # Two removals of earlier stood there in turn; then came the value that this device holds.
    secrets = Secrets(store.database, SystemClock())
    for value in ("older", "old"):
        await secrets.set("key", value)
        await secrets.set("key", None)
        await secrets.set_base("folder", await secrets.load())
    older = SecretSet({}, {"key": fingerprint("older")})
    await secrets.set("key", "new")
    await secrets.set_base("folder", await secrets.load())

    await Servers(store.database).drop_cursor("folder")
    outcome = await secrets.merge_from("folder", older, prefer_theirs=False)

    assert outcome.values == {"key": "new"}


async def test_a_removal_of_that_very_value_holds_in_another_history(store: SpaceStore) -> None:
    secrets = Secrets(store.database, SystemClock())
    await secrets.set("key", "value")
    await secrets.set_base("folder", await secrets.load())
    await Servers(store.database).drop_cursor("folder")

    removed = SecretSet({}, {"key": fingerprint("value")})

    assert await secrets.merge_from("folder", removed, prefer_theirs=False) == removed


async def test_a_merge_that_changes_nothing_writes_nothing(store: SpaceStore) -> None:
    secrets = Secrets(store.database, SystemClock())
    theirs = SecretSet({"a": "1", "b": "2"})
    outcome = await secrets.merge_from("folder", theirs, prefer_theirs=True)
    before = await store.database.read(lambda connection: connection.total_changes())

    again = await secrets.merge_from("folder", theirs, prefer_theirs=True)

    assert again == outcome
    assert await store.database.read(lambda connection: connection.total_changes()) == before
