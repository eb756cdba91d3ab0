"""Mutable files: they follow changes; what was changed in two places is kept, and chosen from."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from sila_daemon.core.errors import NotFoundError, ProtectionError
from sila_daemon.mirror.record import ServerRecord
from sila_daemon.store.blobs import VAR, BlobName, LocalBlob
from tests.mirror.bench import SPACE, Bench, current, until, until_async
from tests.mirror.fake_server import FakeServer
from tests.mirror.syncing_disk import SyncingDisk
from tests.mirror.test_folder_layer import op_file, var_path, write_lines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sila_daemon.mirror.connector import Response
    from sila_daemon.mirror.space_mirror import SpaceMirror

UUID = "6a2f41a3c54c4fceb5e3ed1f0b7b3e5d"
OTHER = "7b2f41a3c54c4fceb5e3ed1f0b7b3e5d"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def static_path(root: Path, data: bytes) -> Path:
    name = sha256(data)
    return root / "space-v1" / "files" / "static" / "sha256" / name[:2] / name[2:]


def write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


async def fall_apart(
    server: FakeServer, a: SpaceMirror, b: SpaceMirror, here: Path, there: Path, bench: Bench
) -> None:
    """Both devices change a file while the server is away; then it comes back."""
    server.is_down = True
    server.drop_connections()
    write(here, b"mine")
    write(there, b"yours")
    bench.watcher.hint(here, there)
    for mirror in (a, b):
        await until(lambda m=mirror: m.status()["remotes"][0]["pendingFiles"] == 1)  # type: ignore[misc]
    server.is_down = False


async def test_changes_are_followed_and_who_is_too_late_keeps_the_own_content_beside(
    bench: Bench, server: FakeServer
) -> None:
    one, two = bench.folder("one"), bench.folder("two")
    to = (ServerRecord(server.url),)
    here, there = var_path(one, UUID), var_path(two, UUID)
    here.write_bytes(b"first")
    write_lines(op_file(one, "peer", "p"), [1, "f", "id", UUID])
    async with (
        bench.mirror("a", folder=one, servers=to) as a,
        bench.mirror("b", folder=two, servers=to) as b,
    ):
        await until(lambda: there.exists() and there.read_bytes() == b"first")
        await current(a, b)
        here.write_bytes(b"second")
        await a.sync_now()
        await until(lambda: there.read_bytes() == b"second")
        await current(a, b)
        there.write_bytes(b"third, from the other side")
        await b.sync_now()
        await until(lambda: here.read_bytes() == b"third, from the other side")
        await fall_apart(server, a, b, here, there, bench)
        await until(lambda: "needs_you" in (a.status()["state"], b.status()["state"]))
        await until(lambda: here.read_bytes() == there.read_bytes())
        late, root = (a, one) if a.status()["state"] == "needs_you" else (b, two)
        on_time = b if late is a else a
        newer = server.var[UUID][1]
        lost = b"mine" if newer == b"yours" else b"yours"
        assert here.read_bytes() == newer and static_path(root, lost).read_bytes() == lost
        assert late.status()["conflictedFiles"] == 1
        assert "1 file was changed in two places" in late.status()["reason"]
        [waiting] = await late.file_choices.waiting()
        assert (waiting.uuid, waiting.sha256, waiting.size) == (UUID, sha256(lost), len(lost))
        assert waiting.server == server.url and waiting.at_ms > 0
        assert await on_time.file_choices.waiting() == []
        await current(on_time)

        with pytest.raises(NotFoundError):
            await late.file_choices.choose(UUID, "0" * 64, own=True)
        static_path(root, lost).unlink()  # As with a folder that was put back.
        await late.sync_now()
        await until(lambda: static_path(root, lost).exists())
        assert static_path(root, lost).read_bytes() == lost
        path = here if late is a else there
        path.unlink()
        await late.file_choices.choose(UUID, sha256(lost), own=True)
        await until(lambda: here.read_bytes() == there.read_bytes() == lost)
        await current(a, b)
        assert server.var[UUID][1] == lost


class ChangingServer(FakeServer):
    """Has a file changed at the beginning of its next upload, and changed back at the end."""

    path: Path | None = None
    on_change: Callable[[], object] = staticmethod(lambda: None)
    on_sent: Callable[[], object] = staticmethod(lambda: None)
    rival = False
    """Another device on the same folder sends the same content a moment before."""

    @asynccontextmanager
    async def request(
        self, method: str, server_url: str, path: str, **rest: Any
    ) -> AsyncIterator[Response]:
        changing = self.path if method == "PUT" and "/files/var/" in path else None
        if self.rival and method == "PUT" and "/files/var/" in path:
            self.rival = False
            sent = b"".join([chunk async for chunk in rest["body"]])
            self.var[UUID] = (self.var[UUID][0] + 1, sent)
            rest["body"] = chunks_of(sent)
        if changing is None:
            async with super().request(method, server_url, path, **rest) as response:
                yield response
            return
        self.path = None
        before = changing.read_bytes()
        changing.write_bytes(b"in between")
        self.on_change()
        async with super().request(method, server_url, path, **rest) as response:
            self.on_sent()
            changing.write_bytes(before)
            yield response


async def chunks_of(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def test_a_content_that_another_device_on_the_folder_sent_first_is_no_conflict(
    tmp_path: Path,
) -> None:
    server = ChangingServer(SPACE)
    bench = Bench(tmp_path, server)
    one = bench.folder("one")
    path = var_path(one, UUID)
    path.write_bytes(b"first")
    async with bench.mirror("a", folder=one, servers=(ServerRecord(server.url),)) as a:
        await current(a)
        server.rival = True
        path.write_bytes(b"second")
        await a.sync_now()
        await current(a)
        assert (server.rival, server.var[UUID][1]) == (False, b"second")
        assert a.status()["conflictedFiles"] == 0 and await a.file_choices.waiting() == []
    bench.close()


async def test_what_a_server_has_is_what_was_read_while_the_file_was_sent(
    tmp_path: Path,
) -> None:
    """And it is durable: else a power cut brings back what was before, as if it were newer."""
    changing, disk = ChangingServer(SPACE), SyncingDisk()
    synced: list[list[Path]] = []
    changing.on_change = disk.synced.clear
    changing.on_sent = lambda: synced.append([*disk.synced])
    bench = Bench(tmp_path, changing, disk)
    one = bench.folder("one")
    path = var_path(one, UUID)
    async with bench.mirror("a", folder=one, servers=(ServerRecord(changing.url),)) as a:
        await current(a)
        path.write_bytes(b"as it was")
        changing.path = path
        await a.sync_now()
        await current(a)
        assert [one["sha256"] for one in changing.var_revisions[UUID]] == [
            sha256(b"in between"),
            sha256(b"as it was"),
        ]
        assert (path.read_bytes(), changing.var[UUID][1]) == (b"as it was", b"as it was")
        assert synced and synced[0].index(path) < synced[0].index(path.parent)
        assert await a.file_choices.waiting() == []
    bench.close()


async def test_a_server_that_lost_a_file_gets_the_next_content_at_once(
    bench: Bench, server: FakeServer
) -> None:
    """Put back to a time before the file, it knows nothing of the revision that is replaced."""
    one = bench.folder("one")
    path = var_path(one, UUID)
    path.write_bytes(b"first")
    async with bench.mirror("a", folder=one, servers=(ServerRecord(server.url),)) as a:
        await current(a)
        assert server.var[UUID][1] == b"first"
        del server.var[UUID]
        path.write_bytes(b"second")
        await a.sync_now()
        await current(a)
        assert server.var[UUID][1] == b"second"
        assert await a.file_choices.waiting() == []


async def test_the_newer_content_stays_when_it_is_chosen_also_after_a_restart(
    bench: Bench, server: FakeServer
) -> None:
    one, two = bench.folder("one"), bench.folder("two")
    to = (ServerRecord(server.url),)
    here, there = var_path(one, UUID), var_path(two, UUID)
    for path in (here, there):
        path.write_bytes(b"first")
    write_lines(op_file(one, "peer", "p"), [1, "f", "id", UUID])
    async with AsyncExitStack() as stack:
        a = await stack.enter_async_context(bench.mirror("a", folder=one, servers=to))
        b = await stack.enter_async_context(bench.mirror("b", folder=two, servers=to))
        await current(a, b)
        await fall_apart(server, a, b, here, there, bench)
        await until(lambda: "needs_you" in (a.status()["state"], b.status()["state"]))
        await until(lambda: here.read_bytes() == there.read_bytes())
        name, root = ("a", one) if a.status()["state"] == "needs_you" else ("b", two)
    newer = server.var[UUID][1]
    async with bench.mirror(name, folder=root, servers=to) as late:
        await until(lambda: late.status()["state"] == "needs_you")
        [waiting] = await late.file_choices.waiting()
        await late.file_choices.choose(UUID, waiting.sha256, own=False)
        await current(late)
        assert var_path(root, UUID).read_bytes() == newer == server.var[UUID][1]
        assert await late.file_choices.waiting() == []


async def test_what_changed_meanwhile_is_not_replaced(bench: Bench) -> None:
    one = bench.folder("one")
    write(var_path(one, UUID), b"of somebody else")
    blob = BlobName(VAR, UUID)

    async def chunks() -> AsyncIterator[bytes]:
        yield b"chosen"

    async with bench.mirror("a", folder=one) as a:
        layers = a._layers
        assert layers is not None
        for expected in (None, LocalBlob(blob, 5, sha256(b"known"))):
            with pytest.raises(ProtectionError):
                await layers.local_blobs.replace(blob, chunks(), expected)
        held = LocalBlob(blob, 16, sha256(b"of somebody else"))
        await layers.local_blobs.replace(blob, chunks(), held)
    assert var_path(one, UUID).read_bytes() == b"chosen"


async def test_two_servers_that_bring_the_newer_content_leave_one_choice(bench: Bench) -> None:
    one = bench.folder("one")
    path = var_path(one, UUID)
    write(path, b"own")
    blob = BlobName(VAR, UUID)
    own = LocalBlob(blob, 3, sha256(b"own"))
    second_began = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"newer"

    async with bench.mirror("a", folder=one) as a:
        layers = a._layers
        assert layers is not None

        async def bring(*, is_first: bool) -> bool:
            if is_first:
                for _ in range(200):  # Time for the other one to come as far as it may.
                    await asyncio.sleep(0)
            try:
                await layers.local_blobs.replace(blob, chunks(), own)
            except ProtectionError:
                return False  # It was replaced already.
            return True

        async def give_way(server: str, *, is_first: bool) -> bool:
            if not is_first:
                await second_began.wait()
            second_began.set()
            return await layers.overtaken.give_way(own, server, partial(bring, is_first=is_first))

        given = await asyncio.gather(
            give_way("https://a", is_first=True), give_way("https://b", is_first=False)
        )
        assert sorted(given) == [False, True]
        [waiting] = await a.file_choices.waiting()
        assert (waiting.uuid, waiting.sha256) == (UUID, sha256(b"own"))
    assert path.read_bytes() == b"newer" and static_path(one, b"own").read_bytes() == b"own"


async def is_known(mirror: SpaceMirror, data: bytes) -> bool:
    """Tells whether a mirror has noticed what the file holds."""
    assert mirror._layers is not None
    return sha256(data) in {local.sha256 for local in (await mirror._layers.blobs.here()).values()}


async def test_what_was_sent_and_never_answered_is_no_change_of_somebody_else(
    bench: Bench, server: FakeServer
) -> None:
    one = bench.folder("one")
    to = (ServerRecord(server.url),)
    here = var_path(one, UUID)
    here.write_bytes(b"first")
    write_lines(op_file(one, "peer", "p"), [1, "f", "id", UUID])
    async with bench.mirror("a", folder=one, servers=to) as a:
        await current(a)
        server.loses_answers_to = "PUT"
        write(here, b"second")
        bench.watcher.hint(here)
        await until(lambda: server.var[UUID][1] == b"second")
        write(here, b"third")
        bench.watcher.hint(here)
        await until_async(partial(is_known, a, b"third"))
        server.loses_answers_to, server.is_down = "", False
        await until(lambda: server.var[UUID][1] == b"third")
        await current(a)
        assert await a.file_choices.waiting() == [] and here.read_bytes() == b"third"


async def test_a_mutable_file_that_only_lags_behind_is_no_conflict(
    bench: Bench, server: FakeServer
) -> None:
    one, two = bench.folder("one"), bench.folder("two")
    to = (ServerRecord(server.url),)
    lines = [[1, "f", "id", UUID], [2, "g", "id", OTHER]]
    for root in (one, two):
        var_path(root, UUID).write_bytes(b"first")
        var_path(root, OTHER).write_bytes(b"mine")
    write_lines(op_file(one, "peer", "p"), *lines)
    write_lines(op_file(two, "other", "p"), *lines)
    async with bench.mirror("a", folder=one, servers=to) as a:
        await current(a)
        for uuid in (UUID, OTHER):
            var_path(one, uuid).write_bytes(b"second")
        await a.sync_now()
        await current(a)
    # What a device without a store has may be what the server had, or a change of its own.
    var_path(two, OTHER).write_bytes(b"yours")
    async with bench.mirror("b", folder=two, servers=to) as b:
        await until(lambda: b.status()["state"] == "needs_you")
        await until(lambda: var_path(two, UUID).read_bytes() == b"second")
        await until(lambda: var_path(two, OTHER).read_bytes() == b"second")
        [waiting] = await b.file_choices.waiting()
        assert (waiting.uuid, waiting.sha256) == (OTHER, sha256(b"yours"))
        assert static_path(two, b"yours").read_bytes() == b"yours"
        assert server.var[OTHER][1] == b"second"
