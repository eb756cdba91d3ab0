"""The audit log keeps who did what, within bounds, whatever strangers send."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sila_daemon.server.accounts import audit as audit_module
from sila_daemon.server.accounts.audit import DAYS_MAX, WAITING_MAX, Audit
from tests.server.world_fixture import SteppedClock, inline_ports, open_world


class Log:
    """The log of an empty world."""

    def __init__(self, audit: Audit, clock: SteppedClock) -> None:
        self.audit = audit
        self.clock = clock

    async def actions(self, **of: str) -> list[str]:
        """The actions, the newest first."""
        return [entry.action for entry in await self.audit.entries(10_000, **of)]


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    clock = SteppedClock()
    async with open_world(tmp_path / "data", inline_ports(clock)) as world:
        yield Log(world.audit, clock)


async def test_entries_come_back_newest_first_and_by_space_and_user(log: Log) -> None:
    log.audit.note("opened", user_id="u1", space_id="s1", address="192.0.2.1")
    log.clock.ahead = 60
    log.audit.note("op_refused", user_id="u2", space_id="s1", reason="bad_id", digest="ab12")
    log.audit.note("login", user_id="u1")
    newest, refused, opened = await log.audit.entries()
    assert newest.action == "login"
    assert (refused.reason, refused.digest, refused.user_id) == ("bad_id", "ab12", "u2")
    assert (opened.address, opened.space_id) == ("192.0.2.1", "s1")
    assert refused.at - opened.at >= 60_000
    assert await log.actions(space_id="s1") == ["op_refused", "opened"]
    assert await log.actions(user_id="u1") == ["login", "opened"]
    assert await log.actions(user_id="u1", space_id="s1") == ["opened"]
    assert len(await log.audit.entries(1)) == 1


async def test_old_entries_go_and_only_so_many_stay(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "ENTRIES_MAX", 10)
    monkeypatch.setattr(audit_module, "_TRIM_EVERY", 1)
    log.audit.note("old")
    await log.audit.flush()
    log.clock.ahead = (DAYS_MAX + 1) * 86_400
    for number in range(25):
        log.audit.note(f"new {number}")
    assert await log.actions() == [f"new {number}" for number in range(24, 14, -1)]


async def test_what_strangers_send_fits_and_is_text(log: Log) -> None:
    log.audit.note("login_refused", reason="\ud800" * 10_000, address="x" * 10_000)
    (entry,) = await log.audit.entries()
    assert len(entry.reason) <= 200 and len(entry.address) <= 64


async def test_a_flood_is_counted_and_does_not_grow_memory(log: Log) -> None:
    for _ in range(WAITING_MAX + 7):
        log.audit.note("op_refused")
    newest, *others = await log.audit.entries(10_000)
    assert (newest.action, newest.reason) == ("entries_dropped", "7")
    assert len(others) == WAITING_MAX
    log.audit.note("login")
    assert (await log.actions())[:2] == ["login", "entries_dropped"]


async def test_what_strangers_repeat_is_noted_once_a_minute(log: Log) -> None:
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
        log.audit.note_now_and_then("login_rate_limited", address=address)
    log.clock.ahead = 61
    log.audit.note_now_and_then("login_rate_limited", address="192.0.2.1")
    addresses = [entry.address for entry in await log.audit.entries()]
    assert addresses == ["192.0.2.1", "192.0.2.2", "192.0.2.1"]


async def test_what_waits_is_written_when_the_server_stops(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with open_world(data) as world:
        world.audit.note("last")
    async with open_world(data) as world:
        assert [entry.action for entry in await world.audit.entries()] == ["last"]
