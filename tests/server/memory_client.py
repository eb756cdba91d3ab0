"""A client of one space in memory, and what it heard."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from sila_daemon.server.sync.gate import Knock
from tests.server.world_fixture import SPACE, TREE, MemoryPeer, eventually, sending

if TYPE_CHECKING:
    from sila_daemon.core.ops import Op
    from sila_daemon.server.sync.session import SpaceSession
    from sila_daemon.server.world import World


class Client:
    """A connection and what came out of it."""

    def __init__(self, session: SpaceSession, peer: MemoryPeer) -> None:
        self.session = session
        self.peer = peer
        self.task = asyncio.create_task(session.run())
        self._acks = 0

    def events(self, name: str) -> list[Any]:
        """The payloads of all events with that name."""
        decoded = [json.loads(f.text) for f in self.peer.frames if f.ack_id is None]
        return [event[1] for event in decoded if event[0] == name]

    def names(self) -> list[str]:
        """What came, in order: names of events, and `ack`."""
        return [
            "ack" if frame.ack_id is not None else json.loads(frame.text)[0]
            for frame in self.peer.frames
        ]

    def ack(self, ack_id: int) -> Any:
        """The acknowledgement with that number; None while there is none."""
        for frame in self.peer.frames:
            if frame.ack_id == ack_id:
                return json.loads(frame.text)[0]
        return None

    async def call(self, name: str, payload: bytes | None) -> Any:
        """Sends an event and returns its acknowledgement."""
        self._acks += 1
        ack_id = self._acks
        self.session.receive(name, payload, ack_id)
        await eventually(lambda: self.ack(ack_id) is not None, f"{name} {payload!r}"[:100])
        return self.ack(ack_id)

    async def send(self, ops: list[Op], tree_id: str = TREE) -> Any:
        """Sends ops and returns the acknowledgement."""
        return await self.call("ops:send", sending(ops, tree_id))

    async def comes(self, name: str, count: int = 1) -> list[Any]:
        """Waits for that many events of a name."""
        await eventually(lambda: len(self.events(name)) >= count, name)
        return self.events(name)


async def join(
    world: World, token: str, space: str = SPACE, protocol: int = 2, **auth_too: object
) -> Client:
    """Connects to a space. Raises RefusedError."""
    peer = MemoryPeer()
    auth = {"token": token, "protocol": protocol, **auth_too}
    client = Client(await world.connections.admit(Knock(space, auth, "192.0.2.9"), peer), peer)
    await client.comes("ready")
    return client
