"""The server's ops of one space: commits, and the epoch that their cursors belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sila_daemon.core.ops import MoveOp, PropertyOp
from sila_daemon.server.ops.op_schema import OPS_SCHEMA
from sila_daemon.server.ops.op_store import Batch, OpStore
from tests.crash_states.file_cases import HOME, MadeOnceCase
from tests.crash_states.replace_case import OpenedCase
from tests.crash_states.sql import tables

if TYPE_CHECKING:
    from tests.crash_states.case import Case, Program
    from tests.crash_states.machine import Machine
    from tests.simulation.disk import DiskView

PATH = HOME / "ops.sqlite"
TREE, PEER = "5f" * 16, "aa" * 16
FIRST = Batch(TREE, [MoveOp(1, PEER, "a", TREE)], "one")
SECOND = Batch(TREE, [PropertyOp(2, PEER, "a", "name", b'"' + b"x" * 3000 + b'"')], "two")


async def _open(machine: Machine) -> OpStore:
    return await OpStore.open(machine.databases, PATH, machine.clock, machine.randomness)


async def _close(store: OpStore) -> None:
    await store.close()


async def _home(machine: Machine) -> None:
    machine.view.make_dir(HOME)


async def _empty(machine: Machine) -> None:
    await _home(machine)
    database = await machine.databases.open(PATH, OPS_SCHEMA)
    await database.close()


async def _with_one(machine: Machine) -> None:
    await _home(machine)
    store = await _open(machine)
    await store.commit([FIRST])
    await store.close()


async def _commit(_: Machine, store: OpStore) -> None:
    await store.commit([FIRST, SECOND])


class EpochCase(MadeOnceCase):
    """What cursors carry is drawn when a database is opened first."""

    is_coarse = True

    async def start(self, machine: Machine) -> Program:
        """Starts a server, which opens nothing yet."""
        return EpochProgram(machine)


class EpochProgram:
    """A server that gives out cursors."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._store: OpStore | None = None

    async def act(self) -> None:
        """Opens the database and tells its epoch."""
        self._store = self._store or await _open(self._machine)
        self._machine.acknowledge(self._store.epoch)

    async def close(self) -> None:
        """Ends in order."""
        if self._store is not None:
            await self._store.close()


def _read(view: DiskView) -> Any:
    """Returns the ops by number, which ones each commit has, who is known to have sent them."""
    return tables(
        view,
        PATH,
        "SELECT seq, counter, length(value) FROM ops ORDER BY 1",
        "SELECT first_seq, last_seq, length(tag) FROM commits ORDER BY 1",
        "SELECT name FROM senders ORDER BY 1",
        "SELECT highest FROM trees",
    )


def _written_epoch(view: DiskView) -> str | None:
    rows = tables(view, PATH, "SELECT value FROM meta WHERE key = 'epoch'")
    return rows[0][0][0] if rows and rows[0] else None


SERVER_CASES: tuple[Case, ...] = (
    EpochCase("server: an epoch", prepare=_empty, read=_written_epoch),
    OpenedCase(
        "server: a commit",
        open=_open, close=_close, prepare=_with_one, act=_commit, read=_read,
        old=[[(1, 1, None)], [(1, 1, 8)], [("one",)], [(1,)]],
        new=[[(1, 1, None), (2, 2, 3002)], [(1, 1, 8), (2, 2, 8)], [("one",), ("two",)], [(2,)]],
    ),
)  # fmt: skip
