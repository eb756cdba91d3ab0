"""What a space's status tells of files on their way, held up half-way by hand."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from sila_daemon.control import messages
from sila_daemon.control.handlers.transfers import TransferHandlers
from sila_daemon.core.errors import UsageError
from sila_daemon.mirror.record import ServerRecord
from tests.mirror.bench import SPACE, Bench, current, until
from tests.mirror.fake_server import FakeResponse, FakeServer
from tests.mirror.test_file_fetches import bring

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sila_daemon.mirror.connector import Response
    from sila_daemon.mirror.space_mirror import SpaceMirror

DATA = b"0123456789" * 1000


class SlowServer(FakeServer):
    """Stops in the midst of every file that it sends or takes, until it may go on."""

    def hold(self) -> None:
        self.may_take, self.may_give = asyncio.Event(), asyncio.Event()
        self.is_held = True

    @asynccontextmanager
    async def request(
        self, method: str, server_url: str, path: str, **rest: Any
    ) -> AsyncIterator[Response]:
        is_file = getattr(self, "is_held", False) and "/files/static/" in path
        if is_file and method == "PUT":
            rest["body"] = self._slowly(rest["body"])
        async with super().request(method, server_url, path, **rest) as response:
            if is_file and method == "GET":
                assert isinstance(response, FakeResponse)
                yield SlowResponse(response, self.may_give)
            else:
                yield response

    async def _slowly(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            yield chunk
            await self.may_take.wait()


class SlowResponse:
    """Gives the first tenth at once."""

    def __init__(self, response: FakeResponse, may_go_on: asyncio.Event) -> None:
        self._response = response
        self._may_go_on = may_go_on
        self.status = response.status
        self.headers = response.headers

    async def read(self, size_max: int) -> bytes:
        return await self._response.read(size_max)

    async def chunks(self) -> AsyncIterator[bytes]:
        data = await self._response.read(1 << 20)
        yield data[: len(data) // 10]
        await self._may_go_on.wait()
        yield data[len(data) // 10 :]


class OneSpace:
    """The spaces of a daemon that has one."""

    def __init__(self, mirror: SpaceMirror) -> None:
        self._mirror = mirror

    async def named(self, reference: str) -> None:
        """The only space is known by its id."""

    def find(self, reference: str) -> SpaceMirror:
        return self._mirror

    def all(self) -> list[SpaceMirror]:
        return [self._mirror]


@pytest.fixture
def server() -> SlowServer:
    return SlowServer(SPACE)


def handlers(mirror: SpaceMirror) -> TransferHandlers:
    keeper: Any = OneSpace(mirror)
    return TransferHandlers(keeper)


async def listed(mirror: SpaceMirror, after: int | None = None) -> Any:
    return await handlers(mirror).list(messages.TransferListParams(after=after, wait=10.0))


async def test_files_on_their_way_are_shown_with_what_is_left(
    tmp_path: Path, server: SlowServer
) -> None:
    bench = Bench(tmp_path, server)
    to = (ServerRecord(server.url),)
    name = hashlib.sha256(DATA).hexdigest()
    async with bench.mirror("a", servers=to) as a, bench.mirror("b", servers=to) as b:
        await a.create_space("Ours")
        await current(a, b)
        assert (await listed(a)).transfers == []
        server.hold()
        await bring(a, DATA, len(DATA))
        await until(lambda: a.status()["transfers"]["files"] == 1)
        up = a.status()["transfers"]["up"]
        assert up["files"] == a.status()["remotes"][0]["pendingFiles"] == 1
        assert a.status()["remotes"][0]["pendingBytes"] == len(DATA)
        [sent] = (await listed(a)).transfers
        assert (sent.file, sent.kind, sent.direction) == (name, "static", "up")
        assert (sent.server, sent.total) == (server.url, len(DATA))
        server.may_take.set()
        await current(a)

        await until(lambda: b.status()["transfers"]["down"]["bytes"] == 9 * len(DATA) // 10)
        answer = await listed(b)
        [came] = answer.transfers
        assert (came.done, came.total, came.direction) == (len(DATA) // 10, len(DATA), "down")
        remote = b.status()["remotes"][0]
        assert (remote["comingFiles"], remote["comingBytes"]) == (1, len(DATA))
        waiting = asyncio.create_task(listed(b, answer.revision))
        await asyncio.sleep(0)
        assert not waiting.done()
        server.may_give.set()
        later = await waiting
        assert later.revision != answer.revision
        await current(b)
        [total] = [one for one in (await listed(b)).totals if one.direction == "down"]
        assert (total.moved_files, total.moved_bytes, total.files) == (1, len(DATA), 0)
    bench.close()


async def test_nobody_waits_for_an_answer_too_long(tmp_path: Path, server: SlowServer) -> None:
    bench = Bench(tmp_path, server)
    async with bench.mirror("a") as a:
        with pytest.raises(UsageError, match="0 to 60 seconds"):
            await handlers(a).list(messages.TransferListParams(wait=61.0))
        at_once = messages.TransferListParams(after=0, wait=0.0)
        assert (await handlers(a).list(at_once)).revision == 0
    bench.close()
