"""How many round trips many small files take: messages take time here, and computing none."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

from sila_daemon.core.op_codec import encode_line
from sila_daemon.core.ops import MoveOp, PropertyOp
from sila_daemon.folder.layout import SpaceLayout
from sila_daemon.mirror import file_packs, file_uploads
from sila_daemon.mirror.record import MirrorSettings
from tests.simulation.checkers import FolderGuard
from tests.simulation.device import FOLDER, SPACE, SimDevice
from tests.simulation.faults.rights import MEMBER
from tests.simulation.file_contents import write_whole
from tests.simulation.files import FOLDER_FILES, place_of, read_files, sha256
from tests.simulation.http import Upload
from tests.simulation.loop import SimLoop
from tests.simulation.network import Network
from tests.simulation.server import SimServer
from tests.simulation.trace import Trace

if TYPE_CHECKING:
    import pytest

ROUND_TRIP_S = 0.1
FILES = 96
PACK_FILES = 8
PAGE = 24


class Even(Random):
    """Has every message take as long as any other."""

    def random(self) -> float:
        return 0.5


class FarNetwork(Network):
    """Each message takes half a round trip; what is sent and what comes are there whole."""

    def __init__(self, trace: Trace) -> None:
        super().__init__(Even(), trace, ROUND_TRIP_S / 2)

    def upload(self, size: int) -> Upload:
        return Upload(_at_once)


async def _at_once() -> None:
    return


def give(device: SimDevice) -> set[str]:
    """Writes files into a device's folder, and what refers to them, as another program does."""
    layout, peer, view = SpaceLayout(FOLDER), "b" * 32, device.disk.view(may_crash=False)
    moves, properties, names = b"", b"", set()
    for number in range(FILES):
        data = b"%d" % number
        name = sha256(data)
        names.add(name)
        write_whole(view, FOLDER_FILES / "static/sha256" / name[:2] / name[2:], data)
        vertex = f"file-{number}"
        moves += encode_line(MoveOp(1000 + 3 * number, peer, vertex, SPACE))
        for place, (key, value) in enumerate({"hash": f'"{name}"', "size": len(data)}.items()):
            op = PropertyOp(1001 + place + 3 * number, peer, vertex, key, str(value).encode())
            properties += encode_line(op)
    today = datetime.fromtimestamp(device.clock.time(), UTC).date()
    write_whole(view, layout.moves_file(SPACE, today, peer), moves)
    write_whole(view, layout.properties_file(SPACE, today, peer), properties)
    return names


async def until_arrived(device: SimDevice, names: set[str]) -> None:
    while not names <= read_files(place_of(device)).static.keys():  # noqa: ASYNC110
        await asyncio.sleep(ROUND_TRIP_S / 20)


async def until_equal(*devices: SimDevice) -> None:
    def is_equal() -> bool:
        mirrors = [device.mirror for device in devices]
        return all(mirror and mirror.status()["state"] == "current" for mirror in mirrors)

    while not is_equal():  # noqa: ASYNC110
        await asyncio.sleep(ROUND_TRIP_S / 20)


async def _passed_on() -> float:
    """Returns how many round trips files take from one device to another."""
    trace = Trace(asyncio.get_running_loop().time, None)
    network = FarNetwork(trace)
    server = SimServer("server", "1", trace)
    network.servers = {server.url: server}
    await server.start()
    await server.found(SPACE)
    one, two = (SimDevice(name, "1", trace, network, FolderGuard()) for name in ("one", "two"))
    for device in (one, two):
        device.settings = MirrorSettings(guard=None)
        device.server_urls = (server.url,)
        device.prepare()
        await server.set_role(device.email, SPACE, MEMBER)
        await device.sign_in(server.url)
        device.start()
    assert one.mirror is not None
    await one.mirror.ready()
    await one.mirror.create_space("Ours")
    await until_equal(one, two)
    await one.stop()
    names = give(one)
    began = asyncio.get_running_loop().time()
    one.start()
    await until_arrived(two, names)
    took_s = asyncio.get_running_loop().time() - began
    await until_equal(one, two)
    for machine in (one, two, server):
        await machine.stop()
        await machine.buried()
    return took_s / ROUND_TRIP_S


def test_files_wait_for_few_round_trips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_packs, "PACK_FILES_MAX", PACK_FILES)
    monkeypatch.setattr(file_uploads, "PAGE_BLOBS", PAGE)
    loop = SimLoop(Random(1), first_in_first_out=True)
    try:
        round_trips = loop.run_until_complete(_passed_on())
    finally:
        loop.close()
    # Joining, what is new, what is lacking; twelve packs, three to a page; half of one for the
    # server's news of the last page, and half each for its question and its files.
    assert round_trips < 3 + FILES / PAGE + 1.5
