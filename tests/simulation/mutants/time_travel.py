"""Wrong code that shows when something goes back in time, is gone, or was said twice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sila_daemon.core.ops import MoveOp
from sila_daemon.mirror.messages import HavePart
from sila_daemon.mirror.remote_session import RemoteSession
from sila_daemon.mirror.space_mirror import SpaceMirror
from sila_daemon.server.ops.op_queries import OpQueries
from sila_daemon.server.ops.op_store import OpStore
from sila_daemon.server.sync.outbox import Outbox
from sila_daemon.store import op_table
from sila_daemon.store.blobs import owe_everything
from sila_daemon.store.op_table import OpTable
from sila_daemon.store.salvage import Salvage, Wreck
from sila_daemon.store.servers import Servers
from sila_daemon.store.space_store import Delivery, SpaceStore
from tests.simulation.mutants import plans
from tests.simulation.mutants.mutant import Mutant
from tests.simulation.regressions import REGRESSIONS

if TYPE_CHECKING:
    import apsw

    from sila_daemon.core.editor import Editor
    from sila_daemon.core.ops import Op
    from sila_daemon.database.database import Database
    from sila_daemon.server.ops.op_rows import Row
    from sila_daemon.server.ops.op_store import Outcome, Position

_new_editor = SpaceMirror._new_editor
_open_op_store = OpStore.open.__func__  # type: ignore[attr-defined]
_go_back_to = Outbox.go_back_to


def _same_peer_at_each_start(mirror: SpaceMirror) -> Editor:
    editor = _new_editor(mirror)
    editor._peer = hashlib.sha256(mirror._device.id.encode()).hexdigest()[:32]
    return editor


async def _what_is_gone_is_deleted(
    store: SpaceStore, trees: Sequence[str], forgotten: Sequence[str]
) -> None:
    def targets(connection: apsw.Connection) -> list[tuple[str, str]]:
        found = connection.execute(
            "SELECT DISTINCT tree.name, target FROM op JOIN tree ON tree.id = tree"
            " WHERE key IS NULL AND target <> tree.name"
        )
        return [(tree, str(target)) for tree, target in found if tree in trees]

    gone = await store._database.read(targets)
    ops = [
        (tree, MoveOp(1_000_000 + n, "a" * 32, target, "0"))
        for n, (tree, target) in enumerate(gone)
    ]
    await store.commit([Delivery(ops)])


async def _any_cursor_is_of_this_history(queries: OpQueries, position: Position) -> bool:
    return position.seq <= queries._store.head.seq


class _NoTags:  # Else the tags alone tell that a restored history is another one.
    def token(self, size: int) -> bytes:
        return bytes(size)


async def _one_history_whatever_happened(cls: type[OpStore], *arguments: Any) -> OpStore:
    store: OpStore = await _open_op_store(cls, *arguments)
    store.epoch, store._randomness = "e" * 32, _NoTags()  # type: ignore[assignment]
    return store


def _second_content_is_a_duplicate(
    _: OpStore, __: apsw.Connection, ___: Op, ____: Row, outcome: Outcome
) -> bool:
    outcome.duplicates += 1
    return False


def _forgets_counters(_: OpTable, __: apsw.Connection, ___: Mapping[str, int]) -> None:
    """Keeps nothing of the counters of live state."""


def _one_too_far(outbox: Outbox, position: Position) -> None:
    _go_back_to(outbox, position._replace(seq=position.seq + 1))


async def _remembers_secrets_of_another_history(servers: Servers, layer: str) -> None:
    def work(connection: apsw.Connection) -> None:
        connection.execute(
            "UPDATE layer SET epoch = NULL, seq = NULL, tag = NULL WHERE name = ?", (layer,)
        )
        owe_everything(connection, layer)

    await servers._database.write(work)


async def _compares_nothing(session: RemoteSession) -> None:
    session._cursor = None
    have = session._have = {}
    done = await session._ask("ops:have", b'{"trees":"*"}')
    assert isinstance(done, HavePart) and done.cursor is not None
    session._have = None
    await session._store.compare(session._layer, have)
    cursor = done.cursor.to_cursor()
    await session._intake.deliver(Delivery(source=session._layer, cursor=cursor))
    session._stored(cursor)
    await session._pull(cursor)


async def _nothing_is_read(wreck: Wreck, target: Database) -> Salvage:
    return Salvage(0, None, ())


TIME_TRAVEL: dict[str, Mutant] = {
    "peer_id_reused_after_restore": Mutant(
        SpaceMirror,
        "_new_editor",
        _same_peer_at_each_start,
        REGRESSIONS["a_machine_that_went_back_edits_on"],
    ),
    "damaged_store_thrown_away": Mutant(
        Wreck, "empty_into", _nothing_is_read, plans.AWAY_AND_DAMAGED
    ),
    "absence_taken_for_deletion": Mutant(
        SpaceStore, "owe_to_folder_again", _what_is_gone_is_deleted, plans.OLDER_FOLDER
    ),
    "cursor_without_its_tag": Mutant(
        OpQueries, "is_in_history", _any_cursor_is_of_this_history, plans.OLDER_SERVER
    ),
    "epoch_ignored": Mutant(
        OpStore, "open", classmethod(_one_history_whatever_happened), plans.OLDER_SERVER_TOLD
    ),
    "cursor_off_by_one": Mutant(Outbox, "go_back_to", _one_too_far, plans.AWAY_FOR_A_WHILE),
    "cursor_over_a_gap": Mutant(
        RemoteSession, "_compare", _compares_nothing, plans.AWAY_WITHOUT_STORE
    ),
    "second_content_dropped_by_a_mirror": Mutant(op_table, "ALTERNATES_MAX", 0, plans.TWINS),
    "second_content_dropped_by_a_server": Mutant(
        OpStore, "_is_alternate", _second_content_is_a_duplicate, plans.TWINS
    ),
    "transient_counter_given_out_again": Mutant(
        OpTable, "raise_counters", _forgets_counters, plans.LIVE_STATE
    ),
    "secrets_of_another_history": Mutant(
        Servers, "drop_cursor", _remembers_secrets_of_another_history, plans.OLDER_REMOVAL
    ),
}
