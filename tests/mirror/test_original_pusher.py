"""What an original server is sent, and what becomes of what it could not be sent before."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from sila_daemon.core.ops import MoveOp
from sila_daemon.database.database import InlineDatabases
from sila_daemon.mirror.heard_ops import HeardOps
from sila_daemon.mirror.original_pusher import OriginalPusher
from sila_daemon.mirror.remote_status import RemoteStatus
from sila_daemon.mirror.suspects import Suspects
from sila_daemon.ports.clock import SystemClock
from sila_daemon.store.quarantine import Quarantine, Refusal
from sila_daemon.store.sightings import DueOp, Sightings
from sila_daemon.store.space_store import Delivery, SpaceStore
from tests.mirror.bench import SPACE, until

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.mirror.connector import Incoming

SERVER = "https://original.example"


class SlowSightings(Sightings):
    """The real ones, whose first page is held back after it was read."""

    def hold_back(self) -> None:
        self.was_read, self.may_go_on = asyncio.Event(), asyncio.Event()

    async def due(self, after_seq: int, limit: int) -> list[DueOp]:
        page = await super().due(after_seq, limit)
        self.was_read.set()
        await self.may_go_on.wait()
        return page


class Line:
    """A connection that takes everything and keeps the counters of the ops it was sent."""

    def __init__(self) -> None:
        self.counters: list[int] = []

    async def send(self, name: str, payload: bytes) -> None:
        if name == "ops:send":
            self.counters += [op["id"]["counter"] for op in json.loads(payload)["ops"]]

    async def ask(self, name: str, payload: bytes) -> int:
        raise AssertionError(f"{name} is answered nowhere")

    async def receive(self) -> Incoming:
        never: asyncio.Future[Incoming] = asyncio.get_running_loop().create_future()
        return await never

    async def close(self) -> None:
        pass


async def test_what_is_let_go_while_a_page_is_read_is_not_passed_over(tmp_path: Path) -> None:
    store = await SpaceStore.open(InlineDatabases(), tmp_path / "s.sqlite", SystemClock())
    await store.set_layers([SERVER])
    ops = [(SPACE, MoveOp(counter, "peer", str(counter), None)) for counter in (1, 2)]
    await store.commit([Delivery(ops, None)])
    first, _ = [due.seq for due in await Sightings(store.database, SERVER).due(0, 10)]
    quarantine = Quarantine(store.database)
    await quarantine.refuse(SERVER, [Refusal(first, "bad", "no")], 0)
    sightings, line = SlowSightings(store.database, SERVER), Line()
    sightings.hold_back()
    pusher = OriginalPusher(
        SERVER, line, sightings, quarantine, HeardOps(1.0), SystemClock(),
        RemoteStatus(SERVER), Suspects(), 1.0,
    )  # fmt: skip
    running = asyncio.ensure_future(pusher.run())
    await sightings.was_read.wait()
    await quarantine.release(SERVER)
    pusher.offer_again()
    sightings.may_go_on.set()
    await until(lambda: len(line.counters) == 2)
    assert line.counters == [2, 1]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await store.close()


async def test_what_is_seen_while_it_waits_is_not_sent(tmp_path: Path) -> None:
    store = await SpaceStore.open(InlineDatabases(), tmp_path / "s.sqlite", SystemClock())
    await store.set_layers([SERVER])
    ops = [(SPACE, MoveOp(counter, "peer", str(counter), None)) for counter in (1, 2, 3)]
    await store.commit([Delivery(ops, None)])
    sightings, line = Sightings(store.database, SERVER), Line()
    seqs = [due.seq for due in await sightings.due(0, 10)]
    for _ in range(2):  # Sent in vain so often, each goes by itself.
        await sightings.note_sent(seqs)
    await sightings.note_missed(seqs)
    pusher = OriginalPusher(
        SERVER, line, sightings, Quarantine(store.database), HeardOps(1.0), SystemClock(),
        RemoteStatus(SERVER), Suspects(), 0.0,
    )  # fmt: skip
    running = asyncio.ensure_future(pusher.run())
    await until(lambda: line.counters == [1])
    await sightings.settle(seqs[1:2], 0)
    pusher.forget(seqs[1:2])
    await pusher.barrier_answered()
    await until(lambda: len(line.counters) == 2)
    assert line.counters == [1, 3]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await store.close()
