"""All spaces of the daemon: which there are, and how that changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sila_daemon.control.results import (
    FetchPolicy,
    SpaceAdded,
    SpaceEntry,
    SpaceMoved,
    SpaceRemoved,
    SpaceServer,
)
from sila_daemon.core import ids
from sila_daemon.core.errors import NotFoundError, ProtectionError, StorageError, UsageError
from sila_daemon.credentials.server_url import server_url, split_space_url
from sila_daemon.mirror.record import ServerRecord, SpaceRecord
from sila_daemon.runtime.fetch_policies import checked_policy, shown_policy
from sila_daemon.runtime.space_registry import FOR_EVER

if TYPE_CHECKING:
    from sila_daemon.control.host import OpenSpace
    from sila_daemon.credentials.tokens import Credentials
    from sila_daemon.mirror.record import SecretsPolicy
    from sila_daemon.mirror.space_mirror import SpaceMirror
    from sila_daemon.ports.clock import Clock
    from sila_daemon.runtime.remote_spaces import RemoteSpaces
    from sila_daemon.runtime.running_spaces import RunningSpaces
    from sila_daemon.runtime.space_folders import SpaceFolders
    from sila_daemon.runtime.space_registry import SpaceRegistry

LOCAL = "local://"
NAMED_S_MAX = 2.0
"""Who adds a space sees its name at once, unless it is big or still on its way from a server."""


class SpaceHost:
    """Runs every space of the registry; changes are durable before they are answered."""

    def __init__(
        self,
        registry: SpaceRegistry,
        running: RunningSpaces,
        folders: SpaceFolders,
        remote: RemoteSpaces,
        credentials: Credentials,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._registry = registry
        self._running = running
        self._folders = folders
        self._new_id = new_id
        self._remote = remote
        self._credentials = credentials
        self._clock = clock
        self._changing = asyncio.Lock()

    async def run(self) -> None:
        """Looks after the spaces until cancelled; each flushes on its way out."""
        await self._running.run(self._registry.records())

    async def restart_all(self) -> None:
        """Has every space work by the settings of now."""
        async with self._changing:
            for record in self._registry.records():
                await self._running.replace(record)

    async def named(self, reference: str) -> None:
        """Returns once a space is meant by that, or no name is missing; the wait has an end."""
        await self._running.named(reference)

    def find(self, reference: str) -> OpenSpace:
        """Returns the space meant by id, unique prefix, name or path. Raises NotFoundError."""
        return self._running.find(reference)

    def all(self) -> list[OpenSpace]:
        """Returns all spaces, in the order they were added."""
        return [*self._running]

    def entries(self) -> list[SpaceEntry]:
        """Returns the list of spaces with each one's state."""
        return [_entry(space) for space in self._running]

    async def create(
        self, address: str, name: str, servers: list[str], secrets: SecretsPolicy
    ) -> SpaceAdded:
        """Makes a space: in a folder, in the store only, or there and on a server."""
        if not name.strip():
            raise UsageError("a space needs a name")
        async with self._changing:
            if "://" in address and not address.startswith(LOCAL):
                address, servers = LOCAL, [address, *servers]
            records = _servers(self._credentials, servers, secrets)
            if address.startswith(LOCAL):
                space_id = address.removeprefix(LOCAL) or self._new_id()
                self._registry.require_free(ids.checked_space_id(space_id), None)
                return await self._take(SpaceRecord(space_id, None, records), name, is_new=True)
            path = _absolute(address)
            space_id = await self._folders.create(path, name)
            return await self._take(SpaceRecord(space_id, path, records), name)

    async def add(self, path: str, servers: list[str], secrets: SecretsPolicy) -> SpaceAdded:
        """Looks after an existing folder."""
        async with self._changing:
            root = _absolute(path)
            space_id = await self._folders.space_id(root)
            self._registry.require_free(space_id, root)
            record = SpaceRecord(space_id, root, _servers(self._credentials, servers, secrets))
            return await self._take(record, await self._folders.name(root, space_id))

    async def clone(
        self,
        url: str,
        space_id: str,
        path: str | None,
        secrets: SecretsPolicy,
        fetch: FetchPolicy,
    ) -> SpaceAdded:
        """Brings a space from a server; what it holds comes in the background."""
        policy = checked_policy(fetch)
        async with self._changing:
            [server] = _servers(self._credentials, [url], secrets)
            root = None if path is None else _absolute(path)
            self._registry.require_free(space_id, root)
            name = await self._remote.check(server.url, space_id)
            if root is not None:
                await self._folders.create_empty(root, space_id)
            record = SpaceRecord(space_id, root, (server,), fetch=policy)
            return await self._take(record, name, is_known=True)

    async def remove(self, reference: str) -> SpaceRemoved:
        """Stops looking after a space; its folder and its store stay."""
        async with self._changing:
            space = self._running.find(reference)
            self._registry.remove(space.space_id)
            await self._running.end(space.space_id)
            path = space.record.path
            return SpaceRemoved(id=space.space_id, path=None if path is None else str(path))

    async def move(self, reference: str, path: str) -> SpaceMoved:
        """Moves the folder of a space, or gives it one; says so when it was moved already."""
        root = _absolute(path)
        async with self._changing:
            space = self._running.find(reference)
            record = space.record
            for known in self._registry.records():
                if known.path == root:
                    raise ProtectionError(
                        f"{root} belongs to the space {known.id}", code="path_known"
                    )

            async def work() -> SpaceRecord:
                await self._folders.move(record, root)
                moved = replace(record, path=root)
                try:
                    self._registry.put(moved)
                except StorageError:
                    if record.path is not None:
                        await self._folders.move(moved, record.path)
                    raise
                return moved

            mirror = await self._running.renew(record, work)
            await _opened(mirror)
        before = None if record.path is None else str(record.path)
        return SpaceMoved(id=record.id, path=str(root), before=before)

    async def pause(self, reference: str, seconds: float | None) -> int | None:
        """Pauses a space; returns until when, in Unix milliseconds."""
        if seconds is not None and not 0 < seconds < 1e9:
            raise UsageError("a pause takes a positive time")
        until = FOR_EVER if seconds is None else self._clock.time() + seconds
        async with self._changing:
            mirror = self._running.find(reference)
            mirror.record = replace(mirror.record, paused_until=until)
            self._registry.put(mirror.record)
            mirror.pause(until)
        return None if until == FOR_EVER else int(until * 1000)

    async def resume(self, reference: str) -> None:
        """Ends a pause."""
        async with self._changing:
            mirror = self._running.find(reference)
            mirror.record = replace(mirror.record, paused_until=None)
            self._registry.put(mirror.record)
            mirror.resume()

    async def set_fetch(self, reference: str, fetch: FetchPolicy) -> FetchPolicy:
        """Says which files of a space come here unasked; what is here stays."""
        policy = checked_policy(fetch)
        async with self._changing:
            mirror = self._running.find(reference)
            self._registry.put(replace(mirror.record, fetch=policy))
            mirror.set_fetch(policy)
        return shown_policy(policy)

    async def add_server(
        self, reference: str, url: str, secrets: SecretsPolicy | None
    ) -> SpaceServer:
        """Mirrors a space to one more server, or changes whether secrets go there.

        Without `secrets` a server that the space has keeps what was said, a new one gets none.
        """
        [server] = _servers(self._credentials, [url], secrets or "keep")
        space = self._running.find(reference)
        if secrets is None:
            same = [known for known in space.record.servers if known.url == server.url]
            server = same[0] if same else server
        name = str(space.status()["name"] or "")
        await self._remote.ensure(server.url, space.space_id, name)

        def added(record: SpaceRecord) -> SpaceRecord:
            others = tuple(known for known in record.servers if known.url != server.url)
            return replace(record, servers=(*others, server))

        await self._change(reference, added)
        return SpaceServer(url=server.url, secrets=server.secrets)

    async def remove_server(self, reference: str, url: str) -> None:
        """Stops mirroring a space to a server; deletes nothing there."""
        wanted = server_url(url)

        def removed(record: SpaceRecord) -> SpaceRecord:
            others = tuple(known for known in record.servers if known.url != wanted)
            if len(others) == len(record.servers):
                raise NotFoundError(f"the space is not mirrored to {wanted}", code="no_server")
            return replace(record, servers=others)

        await self._change(reference, removed)

    async def remote_list(self, url: str) -> list[dict[str, Any]]:
        """Returns the spaces of an account on a server."""
        return await self._remote.list(server_url(url))

    async def _take(
        self, record: SpaceRecord, name: str | None, *, is_known: bool = False, is_new: bool = False
    ) -> SpaceAdded:
        """Begins to look after a space; returns when it can be read.

        Its servers are asked first: one that will not have the space is said at once.
        """
        if not is_known:
            title = name or (record.path.name if record.path else "")
            for server in record.servers:
                await self._remote.ensure(server.url, record.id, title)
        self._registry.put(record)
        mirror = self._running.start(record)
        await _opened(mirror)
        if is_new and record.id not in await mirror.tree_ids():
            await mirror.create_space(name or "")
        await _named(mirror)
        return SpaceAdded(
            id=record.id,
            name=name or mirror.status()["name"],
            path=None if record.path is None else str(record.path),
        )

    async def _change(self, reference: str, change: Callable[[SpaceRecord], SpaceRecord]) -> None:
        """Keeps a changed record, and works by it from now on."""
        async with self._changing:
            space = self._running.find(reference)
            record = change(space.record)
            self._registry.put(record)
            await self._running.replace(record)


def _servers(
    credentials: Credentials, urls: Iterable[str], secrets: SecretsPolicy
) -> tuple[ServerRecord, ...]:
    """Checks addresses before anything is changed. Raises SilaError."""
    records = {}
    for text in urls:
        url, _ = split_space_url(text)
        credentials.check_transport(url)
        records[url] = ServerRecord(url, secrets)
    return tuple(records.values())


async def _opened(mirror: SpaceMirror) -> None:
    """Returns when a space can be read. Raises StorageError when its store cannot be opened."""
    failed = asyncio.Event()

    def note(_: dict[str, Any]) -> None:
        if mirror.is_in_trouble:
            failed.set()

    unobserve = mirror.observe(note)
    waiting = [asyncio.ensure_future(mirror.ready()), asyncio.ensure_future(failed.wait())]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not waiting[0].done():
            raise StorageError(str(mirror.status()["reason"]))
    finally:
        unobserve()
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def _named(mirror: SpaceMirror) -> None:
    """Returns when the space has its name, or soon: a big folder takes its time to be read."""
    changed = asyncio.Event()
    unobserve = mirror.observe(lambda _: changed.set())
    try:
        async with asyncio.timeout(NAMED_S_MAX):
            while mirror.status()["name"] is None:
                changed.clear()
                await changed.wait()
    except TimeoutError:
        pass
    finally:
        unobserve()


def _entry(space: SpaceMirror) -> SpaceEntry:
    status = space.status()
    return SpaceEntry(
        id=space.space_id,
        name=status["name"],
        path=status["path"],
        state=status["state"],
        servers=[
            SpaceServer(url=server.url, secrets=server.secrets) for server in space.record.servers
        ],
        fetch=shown_policy(space.record.fetch),
    )


def _absolute(path: str) -> Path:
    found = Path(path)
    if not found.is_absolute():
        raise UsageError("the daemon needs absolute paths", code="invalid_params")
    return found.resolve()
