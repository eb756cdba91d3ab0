"""The connection: losing it, getting it back, and what was missed meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import UTC
from typing import TYPE_CHECKING

import pytest

from sila_daemon.control.client import ControlClient
from sila_daemon.core.errors import DaemonNotRunningError, NotFoundError
from sila_tui.link import Link
from sila_tui.session import Connection, Session
from tests.tui import sample
from tests.tui.fake_daemon import FakeDaemon, Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class Watched:
    """A session whose changes can be waited for."""

    def __init__(self, daemon: FakeDaemon) -> None:
        self.session = Session(lambda: sample.NOW, UTC)
        self._changed = asyncio.Event()
        self.session.on_change = self._changed.set

        async def connect() -> ControlClient:
            return await ControlClient.connect(daemon.path)

        self.link = Link(connect, self.session)

    def changes(self) -> list[int]:
        """For each space, how often something in it may have changed."""
        return [self.session.contents.space(space.id) for space in self.session.spaces]

    async def until(self, is_so: Callable[[Session], bool]) -> None:
        """Waits until the session is so."""
        async with asyncio.timeout(10):
            while not is_so(self.session):
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def running(daemon: FakeDaemon) -> AsyncIterator[Watched]:
    """A link at work."""
    watched = Watched(daemon)
    task = asyncio.create_task(watched.link.run())
    try:
        yield watched
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_the_status_and_past_events_arrive(daemon: FakeDaemon) -> None:
    async with running(daemon) as watched:
        await watched.until(lambda session: len(session.activity) == len(daemon.events))
        assert [space.title for space in watched.session.spaces][:2] == ["Work", "Home"]
        assert watched.session.connection is Connection.OPEN


async def test_an_event_brings_a_fresh_status(daemon: FakeDaemon) -> None:
    async with running(daemon) as watched:
        await watched.until(lambda session: len(session.activity) == len(daemon.events))
        daemon.status["spaces"][1]["state"] = "current"
        daemon.emit(space=sample.WORK, text="wrote")
        await watched.until(lambda session: session.spaces[1].state == "current")
        assert watched.session.activity[-1].sentence == "wrote"


async def test_after_a_restart_only_what_was_missed_comes_again(daemon: FakeDaemon) -> None:
    async with running(daemon) as watched:
        await watched.until(lambda session: len(session.activity) == len(daemon.events))
        await daemon.stop()
        await watched.until(lambda session: session.connection is Connection.LOST)
        daemon.emit(space=sample.WORK, text="meanwhile")
        await daemon.start()
        watched.link.retry()
        await watched.until(lambda session: session.activity[-1].sentence == "meanwhile")
        assert len(watched.session.activity) == len(daemon.events)


async def test_another_run_of_the_daemon_makes_all_contents_suspect(daemon: FakeDaemon) -> None:
    async with running(daemon) as watched:
        await watched.until(lambda session: len(session.activity) == len(daemon.events))
        before = watched.changes()
        await daemon.stop()
        await watched.until(lambda session: session.connection is Connection.LOST)
        daemon.epoch, daemon.events = "run-2", []
        await daemon.start()
        watched.link.retry()
        await watched.until(
            lambda _: all(now > then for now, then in zip(watched.changes(), before, strict=True))
        )
        assert watched.session.connection is Connection.OPEN
        assert watched.session.activity[-1].sentence == "the daemon was started anew"


async def test_calls_fail_at_once_when_nobody_answers(daemon: FakeDaemon) -> None:
    await daemon.stop()
    async with running(daemon) as watched:
        await watched.until(lambda session: session.connection is Connection.ABSENT)
        with pytest.raises(DaemonNotRunningError):
            await watched.link.call("daemon.status")
        assert watched.session.retry_at is not None


async def test_an_answer_that_is_an_error_keeps_its_words(daemon: FakeDaemon) -> None:
    daemon.refusals["tree.list"] = Refused("not_found", "there is no such space", "look again")
    async with running(daemon) as watched:
        await watched.until(lambda session: session.connection is Connection.OPEN)
        with pytest.raises(NotFoundError) as caught:
            await watched.link.call("tree.list", space="x")
        assert (caught.value.message, caught.value.hint) == ("there is no such space", "look again")
        assert watched.session.connection is Connection.OPEN
