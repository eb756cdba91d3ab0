"""Wrong code that loses what was promised when a process or a machine dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sila_daemon.core.space import Space
from sila_daemon.folder.op_batch import OpBatch
from sila_daemon.folder.op_files import OpFiles
from sila_daemon.mirror import op_file_scan
from sila_daemon.mirror.app_trees import AppTrees, MadeTree
from sila_daemon.mirror.folder_secrets import FolderSecrets
from sila_daemon.mirror.folder_writer import FolderWriter
from sila_daemon.ports.randomness import new_id
from sila_daemon.server.ops.op_store import OpStore
from sila_daemon.store.schema import FOLDER
from sila_daemon.store.space_store import SpaceStore
from tests.simulation.mutants import plans
from tests.simulation.mutants.databases import (
    cursor_alone,
    server_acknowledges_early,
    store_saves_early,
)
from tests.simulation.mutants.mutant import Mutant
from tests.simulation.regressions import REGRESSIONS

if TYPE_CHECKING:
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.store.outbox import OwedOp
    from sila_daemon.store.positions import Position
    from sila_daemon.store.space_store import Committed, Delivery

_append = FolderWriter._append
_owed = SpaceStore.owed
_commit = SpaceStore.commit


async def _debt_ends_when_sent(
    store: SpaceStore, layer: str, after_seq: int, limit: int
) -> list[OwedOp]:
    found = await _owed(store, layer, after_seq, limit)
    if layer != FOLDER:
        await store.settle(layer, [owed.seq for owed in found])
    return found


async def _cursor_goes_ahead(store: SpaceStore, deliveries: Sequence[Delivery]) -> list[Committed]:
    for delivery in deliveries:
        if await cursor_alone(store, delivery):
            await asyncio.sleep(0.05)
    return await _commit(store, deliveries)


async def _debt_ends_before_append(
    writer: FolderWriter, owed: Sequence[OwedOp], positions: dict[str, Position]
) -> None:
    await writer._store.settle(FOLDER, [entry.seq for entry in owed])
    await _append(writer, owed, positions)


async def _referred_to_before_it_is_there(
    trees: AppTrees,
    app_id: str,
    build: Callable[[RepTree], object],
    name: str = "",
    parent: str | None = None,
) -> MadeTree:
    layers = await trees._ready_layers()
    tree_id = new_id(trees._randomness)

    def refer(opened: list[RepTree]) -> str:
        return Space(opened[0]).add_tree(tree_id, name, parent=parent).id

    def fill(opened: list[RepTree]) -> None:
        opened[0].create_root().set("appId", app_id)
        build(opened[0])

    vertex_id = await layers.intake.edit([trees._space_id], refer)
    await layers.intake.edit([], fill, fresh_ids=[tree_id])
    return MadeTree(tree_id, vertex_id)


def _tail_is_always_whole(*_: object) -> bool:
    return True


def _is_durable(*_: object) -> bool:
    return True


def _counts_as_synced(batch: OpBatch, _: object) -> None:
    for one in batch._open:
        one.is_synced = True


async def _takes_for_durable(secrets: FolderSecrets, stat: object, said: object) -> bool:
    return True


DURABILITY: dict[str, Mutant] = {
    "server_acknowledges_before_durable": Mutant(
        OpStore, "open", classmethod(server_acknowledges_early), plans.COMMITS_AND_POWER_CUTS
    ),
    "store_pushes_before_durable": Mutant(
        SpaceStore,
        "open",
        classmethod(store_saves_early),
        REGRESSIONS["what_is_saved_outlasts_a_power_cut"],
    ),
    "outbox_dropped_on_send": Mutant(
        SpaceStore, "owed", _debt_ends_when_sent, plans.CHANGES_AND_SERVER_KILLS
    ),
    "cursor_before_its_ops": Mutant(
        SpaceStore, "commit", _cursor_goes_ahead, plans.ARRIVALS_AND_KILLS
    ),
    "folder_debt_forgotten": Mutant(
        FolderWriter, "_append", _debt_ends_before_append, plans.APPENDS_AND_KILLS
    ),
    "folder_debts_end_before_the_shared_sync": Mutant(
        OpBatch, "_sync", _counts_as_synced, plans.CUT_APPENDS
    ),
    "secrets_of_others_taken_for_durable": Mutant(
        FolderSecrets, "_keep", _takes_for_durable, plans.SECRETS_AND_POWER_CUTS
    ),
    "torn_tail_not_healed": Mutant(OpFiles, "ends_well", _tail_is_always_whole, plans.TORN_LINE),
    "chat_made_in_two_commits": Mutant(
        AppTrees, "create", _referred_to_before_it_is_there, plans.CHATS_AND_DISK_ERRORS
    ),
    "unsynced_lines_credited": Mutant(op_file_scan, "_outlasts", _is_durable, plans.CUT_APPENDS),
}
