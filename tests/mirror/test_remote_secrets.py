"""Secrets on one server: merged both ways, not read needlessly, and not written again and again in
step with others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from sila_daemon.core.errors import RemoteUnavailableError
from sila_daemon.database.database import InlineDatabases
from sila_daemon.mirror.back_off import BackOff
from sila_daemon.mirror.remote_api import RemoteApi
from sila_daemon.mirror.remote_api import RemoteSecrets as Held
from sila_daemon.mirror.remote_secrets import CALM_S, RemoteSecrets
from sila_daemon.mirror.wakes import Wakes
from sila_daemon.ports.clock import SystemClock
from sila_daemon.ports.randomness import SystemRandomness
from sila_daemon.store.secret_merge import SecretSet
from sila_daemon.store.secrets import Secrets
from sila_daemon.store.space_store import SpaceStore
from tests.clocks import HandClock

SERVER = "https://a.example"


class Api:
    """A server that holds secrets and counts reads and writes."""

    def __init__(self) -> None:
        self.held = SecretSet()
        self.writes = self.reads = 0
        self.loses_answers = False

    @property
    def etag(self) -> str:
        """The tag without its quotes, as events tell it."""
        return f"tag {self.writes}"

    def set(self, name: str, value: str) -> str:
        """Has another device write; returns the tag that is told then."""
        self.held.values[name] = value
        self.writes += 1
        return self.etag

    async def secrets(self) -> Held:
        self.reads += 1
        held = SecretSet(dict(self.held.values), dict(self.held.removed))
        return Held(held, f'"{self.etag}"')

    async def put_secrets(self, secrets: SecretSet, etag: str) -> str | None:
        if etag != f'"{self.etag}"':
            return None
        self.held = SecretSet(dict(secrets.values), dict(secrets.removed))
        self.writes += 1
        if self.loses_answers:
            raise RemoteUnavailableError("no answer came")
        return f'"{self.etag}"'


class Always(SystemRandomness):
    """Draws the longest delay."""

    def uniform(self) -> float:
        return 0.999


@pytest.fixture
async def secrets(tmp_path: Path) -> AsyncIterator[Secrets]:
    store = await SpaceStore.open(InlineDatabases(), tmp_path / "s.sqlite", SystemClock())
    await store.set_layers([SERVER])
    yield Secrets(store.database, SystemClock())
    await store.close()


def remote(api: Api, secrets: Secrets, clock: HandClock) -> RemoteSecrets:
    back_off = BackOff(Always(), 8.0)
    known: Any = api
    return RemoteSecrets(SERVER, cast("RemoteApi", known), secrets, Wakes(), clock, back_off)


async def test_what_is_new_on_either_side_comes_to_the_other(secrets: Secrets) -> None:
    api, clock = Api(), HandClock()
    api.held.values["there"] = "1"
    await secrets.set("here", "2")
    assert await remote(api, secrets, clock).sync() is None
    assert api.held.values == {"there": "1", "here": "2"}
    assert (await secrets.load()).values == api.held.values


async def test_who_writes_again_and_again_waits_longer_each_time(secrets: Secrets) -> None:
    api, clock = Api(), HandClock()
    known = remote(api, secrets, clock)
    waits = []
    for number in range(6):
        await secrets.set("name", str(number))
        wait_s = await known.sync()
        if wait_s is not None:
            assert api.held.values["name"] == str(number - 1)
            waits.append(wait_s)
            clock.now += wait_s
            assert await known.sync() is None
        assert api.held.values["name"] == str(number)
    assert len(waits) == 5
    assert waits == sorted(waits) and waits[-1] > 4 * waits[0]

    clock.now += CALM_S + 1
    for value in ("calm", "again"):
        await secrets.set("name", value)
        wait_s = await known.sync()
    assert api.held.values["name"] == "calm"
    assert wait_s is not None and wait_s < waits[1]


async def test_nobody_waits_to_learn_what_the_server_has(secrets: Secrets) -> None:
    api, clock = Api(), HandClock()
    known = remote(api, secrets, clock)
    for number in range(4):
        await secrets.set("mine", str(number))
        await known.sync()
        assert known.told(api.set("theirs", str(number)))
        await known.sync()
        assert (await secrets.load()).values["theirs"] == str(number)


async def test_what_a_mirror_wrote_or_read_is_not_read_again(secrets: Secrets) -> None:
    api, clock = Api(), HandClock()
    known = remote(api, secrets, clock)
    await secrets.set("mine", "1")
    await known.sync()
    assert not known.told(api.etag)
    assert await known.sync() is None
    assert (api.reads, api.writes) == (1, 1)

    clock.now += CALM_S + 1
    await secrets.set("mine", "2")
    await known.sync()
    assert (api.reads, api.writes) == (1, 2)
    assert api.held.values == {"mine": "2"}


async def test_another_tag_has_the_secrets_read_again(secrets: Secrets) -> None:
    api, clock = Api(), HandClock()
    known = remote(api, secrets, clock)
    await known.sync()
    assert known.told(api.set("theirs", "1"))
    await known.sync()
    assert (await secrets.load()).values == {"theirs": "1"}
    assert api.reads == 2


async def test_a_tag_of_before_what_was_read_hides_nothing(secrets: Secrets) -> None:
    api, clock = Api(), HandClock()
    known = remote(api, secrets, clock)
    await known.sync()
    first, second = api.set("theirs", "1"), api.set("theirs", "2")
    assert known.told(first)
    await known.sync()
    third = api.set("theirs", "3")
    assert not known.told(second)
    assert known.told(third)
    await known.sync()
    assert (await secrets.load()).values == {"theirs": "3"}


async def test_what_changed_unheard_is_merged_before_anything_is_written(secrets: Secrets) -> None:
    api, clock = Api(), HandClock()
    known = remote(api, secrets, clock)
    await known.sync()
    api.set("theirs", "1")
    await secrets.set("mine", "2")
    await known.sync()
    assert api.held.values == {"mine": "2", "theirs": "1"}
    assert (await secrets.load()).values == api.held.values


async def test_a_write_without_an_answer_is_looked_for(secrets: Secrets) -> None:
    api, clock = Api(), HandClock()
    known = remote(api, secrets, clock)
    await secrets.set("mine", "1")
    api.loses_answers = True
    with pytest.raises(RemoteUnavailableError):
        await known.sync()
    api.loses_answers = False
    await secrets.set("mine", "2")
    clock.now += CALM_S + 1
    assert await known.sync() is None
    assert (api.reads, api.held.values) == (2, {"mine": "2"})


async def test_a_new_connection_reads_anew(secrets: Secrets) -> None:
    api, clock = Api(), HandClock()
    known = remote(api, secrets, clock)
    await known.sync()
    api.set("theirs", "1")
    known.forget()
    await known.sync()
    assert (await secrets.load()).values == {"theirs": "1"}
