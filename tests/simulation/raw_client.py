"""A client that speaks the protocol by itself: nothing of the mirror's code, only its wire."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import RemoteUnavailableError
from sila_daemon.mirror.connector import Answer, Event
from tests.simulation.device import SPACE

if TYPE_CHECKING:
    from sila_daemon.mirror.connector import Connection
    from tests.simulation.network import Network
    from tests.simulation.server import SimServer
    from tests.simulation.wire import Wire


class RawClient:
    """One account of a server, and at most one connection of it."""

    def __init__(self, name: str, network: Network, server: SimServer) -> None:
        self.name = name
        self.server = server
        self.connection: Connection | None = None
        self._network = network
        self._token = ""

    @property
    def email(self) -> str:
        """Its address there."""
        return f"{self.name}@example.org"

    async def join_space(self, role: str) -> None:
        """Gets an account and a role."""
        self._token = await self.server.invite(self.email, SPACE, role)

    async def connect(self, protocol: int) -> None:
        """Connects; raises RemoteError."""
        auth: dict[str, Any] = {"token": self._token}
        if protocol == 2:
            auth |= {"protocol": 2, "device": {"id": self.name, "name": self.name}}
        connector = self._network.connector(self.name)
        self.connection = await connector.connect(self.server.url, SPACE, auth)

    @property
    def wire(self) -> Wire | None:
        """Its wire, while it is open."""
        return next(iter(self._network.open_wires(self.name)), None)

    def cut(self) -> None:
        """Ends the connection at once."""
        for wire in self._network.open_wires(self.name):
            wire.cut()
        self.connection = None

    async def send(self, name: str, payload: Any) -> None:
        """Sends an event nobody answers; does nothing when there is no connection."""
        if self.connection is not None:
            try:
                await self.connection.send(name, encoded(payload))
            except RemoteUnavailableError:
                self.connection = None

    async def ask(self, name: str, payload: Any) -> int | None:
        """Sends an event that is to be answered; returns the answer's number."""
        if self.connection is not None:
            try:
                return await self.connection.ask(name, encoded(payload))
            except RemoteUnavailableError:
                self.connection = None
        return None

    async def receive(self) -> tuple[str, Any] | tuple[int, Any]:
        """Returns what came: name or number, and payload. Raises RemoteUnavailableError."""
        if self.connection is None:
            await asyncio.sleep(0)
            raise RemoteUnavailableError("not connected")
        arrived = await self.connection.receive()
        if isinstance(arrived, Answer):
            return arrived.call_id, json.loads(arrived.payload)
        assert isinstance(arrived, Event)
        return arrived.name, json.loads(arrived.payload)


def encoded(payload: Any) -> bytes:
    """Encodes a payload; bytes are taken to be encoded."""
    if isinstance(payload, bytes):
        return payload
    return json.dumps(payload, separators=(",", ":")).encode()
