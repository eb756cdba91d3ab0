"""Secrets: merged name by name, removed for good, and never by absence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_daemon.database.database import InlineDatabases
from sila_daemon.ports.clock import SystemClock
from sila_daemon.store.secrets import Secrets, SecretSet, fingerprint, merged
from sila_daemon.store.space_store import SpaceStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


def base(**values: str) -> dict[str, str]:
    return {name: fingerprint(value) for name, value in values.items()}


@pytest.mark.parametrize("prefer_theirs", [True, False])
def test_absence_changes_nothing(prefer_theirs: bool) -> None:
    mine = SecretSet({"a": "1"}, {"b": fingerprint("x")})
    assert merged(mine, SecretSet(), base(a="1"), prefer_theirs=prefer_theirs) == mine


@pytest.mark.parametrize("prefer_theirs", [True, False])
def test_a_new_name_and_a_changed_value_are_taken(prefer_theirs: bool) -> None:
    mine = SecretSet({"a": "1"})
    theirs = SecretSet({"a": "2", "b": "3"})
    outcome = merged(mine, theirs, base(a="1"), prefer_theirs=prefer_theirs)
    assert outcome.values == {"a": "2", "b": "3"}


@pytest.mark.parametrize("prefer_theirs", [True, False])
def test_what_did_not_change_there_does_not_undo_a_change_here(prefer_theirs: bool) -> None:
    mine = SecretSet({"a": "new"})
    theirs = SecretSet({"a": "old"})
    outcome = merged(mine, theirs, base(a="old"), prefer_theirs=prefer_theirs)
    assert outcome.values == {"a": "new"}


def test_where_both_changed_the_layer_decides() -> None:
    mine, theirs = SecretSet({"a": "here"}), SecretSet({"a": "there"})
    known = base(a="old")
    assert merged(mine, theirs, known, prefer_theirs=True).values == {"a": "there"}
    assert merged(mine, theirs, known, prefer_theirs=False).values == {"a": "here"}


def test_a_removed_value_does_not_come_back_and_another_one_does() -> None:
    mine = SecretSet({}, {"a": fingerprint("old")})
    assert merged(mine, SecretSet({"a": "old"}), {}, prefer_theirs=True).values == {}
    assert merged(mine, SecretSet({"a": "new"}), {}, prefer_theirs=True).values == {"a": "new"}


def test_their_removal_takes_our_value_if_it_is_that_value() -> None:
    removal = SecretSet({}, {"a": fingerprint("old")})
    outcome = merged(SecretSet({"a": "old"}), removal, base(a="old"), prefer_theirs=False)
    assert outcome == removal
    kept = merged(SecretSet({"a": "new"}), removal, base(a="old"), prefer_theirs=True)
    assert kept.values == {"a": "new"}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SpaceStore]:
    opened = await SpaceStore.open(InlineDatabases(), tmp_path / "s.sqlite", SystemClock())
    await opened.set_layers(["folder"])
    yield opened
    await opened.close()


async def test_secrets_are_stored_with_their_tombstones(store: SpaceStore) -> None:
    secrets = Secrets(store.database)
    await secrets.set("key", "value \ud83d")
    await secrets.set("other", "x")
    await secrets.set("other", None)
    assert await secrets.load() == SecretSet({"key": "value \ud83d"}, {"other": fingerprint("x")})
    theirs = SecretSet({"other": "x"})
    outcome = await secrets.merge_from("folder", theirs, prefer_theirs=True)
    assert outcome.values == {"key": "value \ud83d"}
    await secrets.set("other", "x")
    assert (await secrets.load()).values["other"] == "x"
    assert (await secrets.load()).removed == {}


async def test_a_merge_that_changes_nothing_writes_nothing(store: SpaceStore) -> None:
    secrets = Secrets(store.database)
    theirs = SecretSet({"a": "1", "b": "2"})
    outcome = await secrets.merge_from("folder", theirs, prefer_theirs=True)
    before = await store.database.read(lambda connection: connection.total_changes())

    again = await secrets.merge_from("folder", theirs, prefer_theirs=True)

    assert again == outcome
    assert await store.database.read(lambda connection: connection.total_changes()) == before
