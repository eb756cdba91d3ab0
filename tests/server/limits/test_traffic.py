"""What users, spaces and addresses may send, what the process may hold, and what is noted of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from sila_daemon.server.limits.budget import Budget
from sila_daemon.server.limits.constants import COUNTER_JUMP_MAX
from sila_daemon.server.limits.rate_limit import RateLimit
from sila_daemon.server.limits.traffic import Traffic, TrafficSettings
from sila_daemon.server.settings import ServerSettings
from sila_daemon.server.sync.gate import Knock, RefusedError
from sila_daemon.server.world import World
from tests.server.memory_client import Client
from tests.server.world_fixture import (
    SPACE,
    MemoryPeer,
    SteppedClock,
    eventually,
    inline_ports,
    moves,
    sending,
)

EMAIL = "owner@example.org"


@asynccontextmanager
async def world_with(
    path: Path, traffic: TrafficSettings, clock: SteppedClock
) -> AsyncIterator[World]:
    """A world with one user, one space, and limits."""
    world = await World.open(path, inline_ports(clock), ServerSettings(traffic=traffic))
    try:
        user = await world.accounts.add_user(EMAIL, None)
        await world.create_space(user, "Space", SPACE)
        yield world
    finally:
        await world.close()


@asynccontextmanager
async def joined(world: World, protocol: int = 2, address: str = "here") -> AsyncIterator[Client]:
    """A connection."""
    token = await world.accounts.make_token(EMAIL, 1)
    peer = MemoryPeer()
    knock = Knock(SPACE, {"token": token, "protocol": protocol}, address)
    client = Client(await world.connections.admit(knock, peer), peer)
    try:
        await client.comes("ready")
        yield client
    finally:
        client.session.end("gone")
        await client.task


def test_a_bucket_fills_again_and_large_costs_are_paid_off() -> None:
    clock = SteppedClock()
    limit = RateLimit(clock, burst=10, per_second=1)
    assert limit.wait_seconds("a", 25) == 0, "a full bucket lets through what is larger than it"
    assert 15 < limit.wait_seconds("a") <= 16.01
    assert limit.wait_seconds("b", 10) == 0, "another key"
    clock.ahead += 16.5
    assert limit.wait_seconds("a") == 0
    assert limit.wait_seconds("a") > 0


def test_a_refusal_by_one_bucket_takes_nothing_from_the_others() -> None:
    traffic = Traffic(SteppedClock(), TrafficSettings(ops_per_second=1))
    first = traffic.meter("user", "space", "address")
    assert first.ops_wait(100) == 0
    for _ in range(5):
        assert first.ops_wait(100) > 0
    assert traffic.meter("other", "space", "address").ops_wait(100) == 0, "the space has 200"
    assert traffic.meter("third", "space", "address").ops_wait(1) > 0
    assert traffic.meter("third", "elsewhere", "address").ops_wait(100) == 0
    assert Traffic(SteppedClock(), TrafficSettings(ops_per_second=0)).meter("u", "s", "a").ops_wait(
        10**9
    ) == 0  # fmt: skip


async def test_who_sends_too_much_is_told_when_to_try_again(tmp_path: Path) -> None:
    clock = SteppedClock()
    limits = TrafficSettings(ops_per_second=1, bytes_per_second=10_000)
    async with world_with(tmp_path, limits, clock) as world, joined(world) as client:
        assert (await client.send(moves(1, 100)))["accepted"] == 100
        refusal = await client.send(moves(101, 110))
        assert (refusal["ok"], refusal["code"], refusal["retry"]) == (False, "rate_limited", True)
        assert 5_000 < refusal["retryAfterMs"] <= 10_001
        clock.ahead += refusal["retryAfterMs"] / 1000
        assert (await client.send(moves(101, 110)))["accepted"] == 10
        clock.ahead += 1000
        payload = sending(moves(1, 1))[:-1] + b',"x":"' + b"x" * 1_500_000 + b'"}'
        assert (await client.call("ops:send", payload))["ok"] is True
        assert (await client.call("ops:have", b'{"trees":"*"}'))["code"] == "rate_limited"


async def test_who_wants_no_answer_is_slowed_down_and_loses_nothing(tmp_path: Path) -> None:
    limits = TrafficSettings(ops_per_second=50)
    async with world_with(tmp_path, limits, SteppedClock()) as world, joined(world, 1) as client:
        client.session.receive("ops:send", sending(moves(1, 5000)), None)
        client.session.receive("ops:send", sending(moves(5001, 5010)), None)
        space = world.spaces.open_spaces[SPACE]
        await eventually(lambda: space.hub.head.seq >= 5010)
        assert space.hub.head.seq == 5010


async def test_connections_are_counted(tmp_path: Path) -> None:
    limits = TrafficSettings(connections_per_minute=1)
    clock = SteppedClock()
    async with world_with(tmp_path, limits, clock) as world:
        for _ in range(3):
            async with joined(world):
                pass
        with pytest.raises(RefusedError, match="rate_limited"):
            async with joined(world):
                pass
        clock.ahead += 61
        async with joined(world):
            pass


async def test_refused_ops_are_in_the_audit_log(tmp_path: Path) -> None:
    async with (
        world_with(tmp_path, TrafficSettings(), SteppedClock()) as world,
        joined(world) as client,
    ):
        far = sending([*moves(1, 1), *moves(COUNTER_JUMP_MAX * 3, COUNTER_JUMP_MAX * 3 + 1)])
        assert (await client.call("ops:send", far))["accepted"] == 1
        assert (await client.call("ops:send", b'{"treeId":"../x","ops":[]}'))["code"] == "bad_id"
        newest, older = await world.audit.entries(2, space_id=SPACE)
        assert (newest.action, newest.reason) == ("op_refused", "bad_id")
        assert (older.action, older.reason) == ("op_refused", "counter_jump, 2 ops")
        assert older.user_id == client.session.grant.user_id
        assert older.digest == sha256(far).hexdigest()
        for _ in range(200):
            await client.call("ops:send", b"{}")
        entries = await world.audit.entries(1000, space_id=SPACE)
        assert sum(entry.action == "op_refused" for entry in entries) < 60, "a flood is not"


async def test_nobody_is_read_while_the_process_holds_too_much(tmp_path: Path) -> None:
    async with world_with(tmp_path, TrafficSettings(), SteppedClock()) as world:
        budget = world.site.budget
        async with joined(world) as one, joined(world) as two:
            budget.take(1 << 40)
            waiting = asyncio.create_task(two.session.room())
            one.session.receive("ops:send", sending(moves(1, 10)), 7)
            await eventually(lambda: one.ack(7) is not None)
            assert not waiting.done()
            budget.give_back(1 << 40)
            await waiting
            one.session.receive("ops:send", sending(moves(11, 20)), None)
        two.session.receive("ops:send", sending(moves(1, 10)), None)
        await eventually(lambda: budget.held == 0, "what ended connections had sent is forgotten")


async def test_answers_that_nobody_reads_count_until_they_are_let_go(tmp_path: Path) -> None:
    async with world_with(tmp_path, TrafficSettings(), SteppedClock()) as world:
        budget = world.site.budget
        async with joined(world) as one:
            one.peer.reading.clear()
            for number in range(50):
                one.session.receive("nothing", None, number)
            await eventually(lambda: budget.held > 49 * 50)
            one.peer.reading.set()
            await eventually(lambda: one.ack(49) is not None and budget.held == 0)
            one.peer.reading.clear()
            for number in range(100, 150):
                one.session.receive("nothing", None, number)
            await eventually(lambda: budget.held > 49 * 50)
        await eventually(lambda: budget.held <= 0, "what was owed to it is forgotten")
        assert budget.held == 0, "and no more than that"


async def test_a_budget_counts() -> None:
    budget = Budget(10)
    assert budget.fits(10) and not budget.fits(11)
    budget.take(11)
    budget.give_back(1)
    await budget.room()
    assert budget.held == 10
