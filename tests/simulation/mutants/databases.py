"""Databases that promise too early: wrong code for the world and for crash states alike."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from sila_daemon.server.ops.op_store import OpStore
from sila_daemon.store.servers import store_cursor
from sila_daemon.store.space_store import SpaceStore

if TYPE_CHECKING:
    import apsw

    from sila_daemon.store.space_store import Delivery

_open_store = SpaceStore.open.__func__  # type: ignore[attr-defined]
_open_op_store = OpStore.open.__func__  # type: ignore[attr-defined]


def _without_sync(connection: apsw.Connection) -> None:
    connection.pragma("synchronous", 0)


async def store_saves_early(cls: type[SpaceStore], *arguments: Any) -> SpaceStore:
    """A device's store that says saved before it is."""
    store: SpaceStore = await _open_store(cls, *arguments)
    await store.database.read(_without_sync)
    return store


async def server_acknowledges_early(cls: type[OpStore], *arguments: Any) -> OpStore:
    """A server's store that acknowledges what a power cut still takes."""
    store: OpStore = await _open_op_store(cls, *arguments)
    await store.database.read(_without_sync)
    return store


async def cursor_alone(store: SpaceStore, delivery: Delivery) -> bool:
    """Commits the cursor of a delivery without the ops that it stands for, if it has one."""
    if delivery.cursor is None or delivery.source is None:
        return False
    await store.database.write(partial(store_cursor, layer=delivery.source, cursor=delivery.cursor))
    return True
