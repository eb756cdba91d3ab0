"""Secrets on one server: merged both ways, and not written again and again in step with others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

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
    """A server that holds secrets and counts who writes."""

    def __init__(self) -> None:
        self.held = SecretSet()
        self.writes = 0

    async def secrets(self) -> Held:
        return Held(SecretSet(dict(self.held.values), dict(self.held.removed)), str(self.writes))

    async def put_secrets(self, secrets: SecretSet, etag: str) -> bool:
        if etag != str(self.writes):
            return False
        self.held, self.writes = secrets, self.writes + 1
        return True


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
        api.held.values["theirs"] = str(number)
        await known.sync()
        assert (await secrets.load()).values["theirs"] == str(number)
