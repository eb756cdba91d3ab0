"""The mirror's port Connector: every device's way to every server, with what goes wrong on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from sila_daemon.core.errors import (
    RemoteRefusedError,
    RemoteUnavailableError,
    SignInNeededError,
    SilaError,
)
from sila_daemon.server.sync.gate import Knock, RefusedError
from tests.simulation.http import Exchanged, Upload, exchange
from tests.simulation.wire import ClientEnd, ServerEnd, Wire

if TYPE_CHECKING:
    from sila_daemon.mirror.connector import Body, Connection, Response
    from tests.simulation.original_server import SimOriginal
    from tests.simulation.poison import Poison
    from tests.simulation.rights import Rights
    from tests.simulation.server import SimServer
    from tests.simulation.trace import Trace

CONNECT_TIMEOUT_S = 5.0

Reached = TypeVar("Reached", "SimServer", "SimOriginal")


class Network:
    """Knows the servers, the connections that are open, and who cannot reach whom."""

    def __init__(self, random: Random, trace: Trace, delay_s: float) -> None:
        self.servers: dict[str, SimServer] = {}
        self.originals: dict[str, SimOriginal] = {}
        self.wires: list[Wire] = []
        self._addresses: dict[str, int] = {}
        self.rights: Rights | None = None
        self.poison: Poison | None = None
        self.cut_off: dict[tuple[str, str], float] = {}
        """By device and server's URL, or nothing for all: until when nothing gets through."""
        self.answer_loss = 0.0
        """How likely an HTTP answer is lost, and a connection loses an acknowledgement."""
        self._random = random
        self.trace = trace
        self.delay_s = delay_s

    def connector(self, device: str) -> SimConnector:
        """Returns one device's port."""
        return SimConnector(self, device)

    def heal(self) -> None:
        """Lets everything through from now on; silent connections end."""
        self.cut_off.clear()
        self.answer_loss = 0.0
        for wire in self.open_wires():
            wire.loses_next_answer = False
            if wire.is_silent:
                wire.cut()

    def open_wires(self, device: str | None = None) -> list[Wire]:
        """Returns the connections of a device, or of all."""
        self.wires = [wire for wire in self.wires if wire.is_open]
        return [wire for wire in self.wires if device in (None, wire.name)]

    def is_cut_off(self, device: str, server_url: str = "") -> bool:
        """Tells whether a device does not reach a server now, or nobody at all."""
        ends = max(self.cut_off.get((device, url), 0.0) for url in ("", server_url))
        return asyncio.get_running_loop().time() < ends

    def address_of(self, device: str) -> str:
        """Returns the address from which a device is seen: no two share one."""
        number = self._addresses.setdefault(device, len(self._addresses) + 1)
        return f"192.0.2.{number}"

    async def hop(self) -> None:
        """Takes as long as a message."""
        await asyncio.sleep(self.delay_s * (0.5 + self._random.random()))

    def chance(self, probability: float) -> bool:
        """Draws."""
        return self._random.random() < probability

    def share(self) -> float:
        """Draws how much of something gets through."""
        return self._random.random()

    def upload(self, size: int) -> Upload:
        """Returns how a body of some bytes goes up: in pieces, and not always to its end."""
        if not self.answer_loss or not self.chance(self.answer_loss):
            return Upload(self.hop)
        self.trace.fault("network", "half an upload")
        return Upload(self.hop, int(self.share() * size))

    def new_wire(self, device: str, server_url: str) -> Wire:
        """Lays a wire."""
        wire = Wire(device, server_url, self._random, self.trace, self.delay_s)
        wire.loses_next_answer = self.chance(self.answer_loss)
        wire.at_the_door = None if self.poison is None else self.poison.takes
        self.wires.append(wire)
        return wire

    async def reach(self, device: str, server_url: str) -> SimServer:
        """Returns a server that listens. Raises RemoteUnavailableError."""
        return await self._reach(device, server_url, self.servers)

    async def reach_original(self, device: str, server_url: str) -> SimOriginal:
        """Returns an original server that listens. Raises RemoteUnavailableError."""
        return await self._reach(device, server_url, self.originals)

    async def _reach(self, device: str, server_url: str, servers: Mapping[str, Reached]) -> Reached:
        if self.is_cut_off(device, server_url):
            await asyncio.sleep(CONNECT_TIMEOUT_S)
            raise RemoteUnavailableError(f"{server_url} does not answer")
        await self.hop()
        server = servers.get(server_url)
        if server is None or not server.is_listening:
            raise RemoteUnavailableError(f"{server_url} refuses the connection")
        return server


FILE_PLACES = ("static/", "var/", "uploads/")
"""Below `files`: where the bytes of single files come and go."""


class SimConnector:
    """The port Connector of one device."""

    def __init__(self, network: Network, device: str) -> None:
        self._network = network
        self._device = device

    async def connect(self, server_url: str, space_id: str, auth: Mapping[str, Any]) -> Connection:
        """Joins a space over a new wire."""
        network = self._network
        if server_url in network.originals:
            original = await network.reach_original(self._device, server_url)
            return original.join(network.new_wire(self._device, server_url), auth.get("token"))
        server = await network.reach(self._device, server_url)
        wire = network.new_wire(self._device, server_url)
        if network.rights is not None:
            wire.on_frame = network.rights.watch(server, auth.get("token"))
        knock = Knock(space_id, dict(auth), network.address_of(self._device))
        joining = server.spawn(server.join(knock, ServerEnd(wire), wire))
        try:
            await asyncio.wait([joining], timeout=CONNECT_TIMEOUT_S)
            if not joining.done() or joining.cancelled():
                raise RemoteUnavailableError("the connection ended")
            joining.result()
            await network.hop()
        except RefusedError as error:
            wire.cut()
            raise _refusal(str(error)) from None
        except SilaError as error:
            wire.cut()
            raise RemoteUnavailableError(f"unavailable: {error.message}") from None
        except BaseException:
            wire.cut()
            raise
        return ClientEnd(wire)

    @asynccontextmanager
    async def request(
        self,
        method: str,
        server_url: str,
        path: str,
        *,
        token: str,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> AsyncIterator[Response]:
        """Asks the server's own HTTP routes."""
        network = self._network
        if server_url in network.originals:
            original = await network.reach_original(self._device, server_url)
            async with original.request(path) as answer:
                yield answer
            return
        server = await network.reach(self._device, server_url)
        sent = {**(headers or {}), "Authorization": f"Bearer {token}"}
        began = asyncio.get_running_loop().time()
        data = b"" if body is None else body if isinstance(body, bytes) else await _whole(body)
        process = server.process
        is_file = any(f"/files/{place}" in path for place in FILE_PLACES)
        is_upload = path.endswith("/files/pack") or (is_file and method in ("PUT", "PATCH"))
        upload = network.upload(len(data)) if is_upload else None
        address = network.address_of(self._device)
        asking: asyncio.Task[Exchanged] = server.spawn(
            exchange(server.app, method, path, sent, data, address, upload)
        )
        await asyncio.wait([asking])
        if process is not server.process:
            if not asking.cancelled():
                asking.exception()
            raise RemoteUnavailableError("the connection ended")
        await network.hop()
        if upload is not None and upload.breaks_at is not None:
            raise RemoteUnavailableError("the connection ended")
        is_lost = network.chance(network.answer_loss) or network.is_cut_off(
            self._device, server_url
        )
        if network.rights is not None and not asking.cancelled():
            status = asking.result().status
            network.rights.answered(server, token, f"{method} {path}", status, began)
        is_download = path.endswith("/files/fetch") or (is_file and method == "GET")
        if is_lost and is_download and not asking.cancelled():
            network.trace.fault(self._device, "half a download")
            yield asking.result().broken(network.share())
            return
        if asking.cancelled() or is_lost:
            raise RemoteUnavailableError("the connection ended")
        yield asking.result()


async def _whole(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


def _refusal(message: str) -> SilaError:
    if message == "unauthorized":
        return SignInNeededError("the server does not accept the sign-in")
    return RemoteRefusedError("this account may not use the space", code="forbidden")
