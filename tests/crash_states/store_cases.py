"""The daemon's database: ops with scan positions, with cursors, with the debts that they end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sila_daemon.core.ops import MoveOp, PropertyOp
from sila_daemon.store.guard import Guard, GuardSettings
from sila_daemon.store.held import Held, Release
from sila_daemon.store.positions import FileProgress, Position
from sila_daemon.store.quarantine import NoOp, Refusal
from sila_daemon.store.schema import FOLDER
from sila_daemon.store.servers import Cursor
from sila_daemon.store.space_store import Acknowledgement, Delivery, SpaceStore
from tests.crash_states.replace_case import OpenedCase
from tests.crash_states.sql import tables

if TYPE_CHECKING:
    from sila_daemon.store.op_table import TreeOp
    from tests.crash_states.machine import Machine
    from tests.simulation.disk import DiskView

HOME = Path("/store")
PATH = HOME / "space.sqlite"
SERVER = "https://server"
TREE, PEER = "5f" * 16, "aa" * 16
OPS: list[TreeOp] = [
    (TREE, MoveOp(1, PEER, "a", TREE)),
    (TREE, PropertyOp(2, PEER, "a", "name", b'"' + b"x" * 3000 + b'"')),
    (TREE, PropertyOp(3, PEER, "a", "name", b"null")),
]
DELETION: TreeOp = (TREE, MoveOp(4, "bb" * 16, "a", "0"))
POSITION = Position("ops/one.jsonl", 7, 100, 1, 100, 3, b"\0" * 32)
CURSOR = Cursor("epoch", 9, "tag")
NONSENSE = NoOp(TREE, b"7", "malformed_op", "no op")


async def _open(machine: Machine) -> SpaceStore:
    return await SpaceStore.open(machine.databases, PATH, machine.clock)


async def _close(store: SpaceStore) -> None:
    await store.close()


async def _home(machine: Machine) -> None:
    machine.view.make_dir(HOME)


async def _with_layers(machine: Machine) -> None:
    await _home(machine)
    store = await _open(machine)
    await store.set_layers([FOLDER, SERVER])
    await store.close()


async def _with_debts(machine: Machine) -> None:
    await _with_layers(machine)
    store = await _open(machine)
    await store.commit([Delivery(OPS)])
    await store.close()


async def _set_layers(_: Machine, store: SpaceStore) -> None:
    await store.set_layers([FOLDER, SERVER])


def _layers(view: DiskView) -> Any:
    return tables(view, PATH, "SELECT name FROM layer ORDER BY 1")


async def _scan(_: Machine, store: SpaceStore) -> None:
    await store.commit([Delivery(OPS, FOLDER, progress=FileProgress(POSITION))])


async def _receive(_: Machine, store: SpaceStore) -> None:
    await store.commit([Delivery(OPS, SERVER, cursor=CURSOR)])


async def _answered(_: Machine, store: SpaceStore) -> None:
    held = await store.owed(SERVER, 0, 100)
    await store.acknowledge(SERVER, [Acknowledgement(held, cursor=CURSOR)])


async def _receive_nonsense(_: Machine, store: SpaceStore) -> None:
    await store.commit([Delivery(OPS, SERVER, cursor=CURSOR, set_aside=[NONSENSE])])


async def _refused(_: Machine, store: SpaceStore) -> None:
    owed = await store.owed(SERVER, 0, 100)
    if owed:  # Else it was done before the crash.
        refusal = Refusal(owed[0].seq, "bad_id", "no")
        await store.acknowledge(SERVER, [Acknowledgement(owed[1:], [refusal], CURSOR)])


async def _open_guarded(machine: Machine) -> SpaceStore:
    """Opens it with a guard to whom the loss of one thing is too much."""
    guard = Guard(GuardSettings(share=0.01, vertices_min=1), machine.clock, TREE)
    return await SpaceStore.open(machine.databases, PATH, machine.clock, guard)


async def _in_agreement(machine: Machine) -> None:
    await _with_debts(machine)
    store = await _open(machine)
    roots = [MoveOp(9, PEER, TREE, None), MoveOp(8, PEER, "0", None)]
    await store.commit([Delivery([(TREE, op) for op in roots])])
    await store.first_sync.is_over(SERVER)
    await store.close()


async def _with_held(machine: Machine) -> None:
    await _in_agreement(machine)
    store = await _open_guarded(machine)
    await _receive_deletion(machine, store)
    await store.close()


async def _receive_deletion(_: Machine, store: SpaceStore) -> None:
    await store.commit([Delivery([DELETION], SERVER, cursor=CURSOR)])


async def _agree(_: Machine, store: SpaceStore) -> None:
    holds = await Held(store.database).holds()
    await store.commit([Delivery(releases=[Release(hold.number, 9) for hold in holds])])


def _held(view: DiskView) -> Any:
    """Returns how many ops there are, how many are held, what the folder is owed, the cursor."""
    return tables(
        view,
        PATH,
        "SELECT count(*) FROM op",
        "SELECT source FROM hold JOIN held ON held.hold = hold.id",
        "SELECT count(*) FROM outbox JOIN layer ON layer.id = layer WHERE layer.name = 'folder'",
        "SELECT epoch, seq, tag FROM layer WHERE seq IS NOT NULL",
    )


def _quarantine(view: DiskView) -> Any:
    """Returns what was refused and set aside, what is owed to the server, how far was received."""
    return tables(
        view,
        PATH,
        "SELECT code FROM refusal",
        "SELECT raw, code FROM set_aside",
        "SELECT count(*) FROM outbox JOIN layer ON layer.id = layer WHERE layer.name LIKE 'http%'",
        "SELECT epoch, seq, tag FROM layer WHERE seq IS NOT NULL",
    )


def _read(view: DiskView) -> Any:
    """Returns how many ops there are, whom each is owed to, how far was read and received."""
    return tables(
        view,
        PATH,
        "SELECT count(*) FROM op",
        "SELECT layer.name, count(*) FROM outbox JOIN layer ON layer.id = layer GROUP BY 1",
        "SELECT path, offset FROM position",
        "SELECT epoch, seq, tag FROM layer WHERE seq IS NOT NULL",
    )


NOTHING: Any = [[(0,)], [], [], []]
DEBTS: Any = [[(3,)], [("folder", 3), (SERVER, 3)], [], []]
AT = [("epoch", 9, "tag")]

STORE_CASES = (
    OpenedCase(
        "store: a new one",
        open=_open, close=_close, prepare=_home, act=_set_layers, read=_layers,
        old=None, between=([[]],), new=[[(FOLDER,), (SERVER,)]],
    ),
    OpenedCase(
        "store: ops with a scan position",
        open=_open, close=_close, prepare=_with_layers, act=_scan, read=_read,
        old=NOTHING, new=[[(3,)], [(SERVER, 3)], [("ops/one.jsonl", 100)], []],
    ),
    OpenedCase(
        "store: ops with a cursor",
        open=_open, close=_close, prepare=_with_layers, act=_receive, read=_read,
        old=NOTHING, new=[[(3,)], [("folder", 3)], [], AT],
    ),
    OpenedCase(
        "store: what is held, with a cursor",
        open=_open_guarded, close=_close, prepare=_in_agreement, act=_receive_deletion, read=_held,
        old=[[(5,)], [], [(5,)], []], new=[[(6,)], [(SERVER,)], [(6,)], AT],
    ),
    OpenedCase(
        "store: what is held is agreed to",
        open=_open_guarded, close=_close, prepare=_with_held, act=_agree, read=_held,
        old=[[(6,)], [(SERVER,)], [(6,)], AT], new=[[(6,)], [], [(6,)], AT],
    ),
    OpenedCase(
        "store: a settled outbox with a cursor",
        open=_open, close=_close, prepare=_with_debts, act=_answered, read=_read,
        old=DEBTS, new=[[(3,)], [("folder", 3)], [], AT],
    ),
    OpenedCase(
        "store: what is set aside with a cursor",
        open=_open, close=_close, prepare=_with_layers, act=_receive_nonsense, read=_quarantine,
        old=[[], [], [(0,)], []], new=[[], [(b"7", "malformed_op")], [(0,)], AT],
    ),
    OpenedCase(
        "store: a refused op with a cursor",
        open=_open, close=_close, prepare=_with_debts, act=_refused, read=_quarantine,
        old=[[], [], [(3,)], []], new=[[("bad_id",)], [], [(1,)], AT],
    ),
)  # fmt: skip
