"""The mirrors that work at the moment, one for each space."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import NotFoundError, SilaError, StorageError, UsageError

if TYPE_CHECKING:
    from sila_daemon.mirror.record import SpaceRecord
    from sila_daemon.mirror.space_mirror import SpaceMirror
    from sila_daemon.supervisor import Supervisor

NAMES_S = 10.0


class RunningSpaces:
    """Starts and ends mirrors; iterating gives them in the order they were added."""

    def __init__(
        self, make_mirror: Callable[[SpaceRecord], SpaceMirror], supervisor: Supervisor
    ) -> None:
        self._make_mirror = make_mirror
        self._supervisor = supervisor
        self._mirrors: dict[str, SpaceMirror] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self._swapping = asyncio.Lock()

    def __iter__(self) -> Iterator[SpaceMirror]:
        return iter(list(self._mirrors.values()))

    async def run(self, records: Sequence[SpaceRecord]) -> None:
        """Runs mirrors until cancelled, beginning with those of `records`."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for record in records:
                self.start(record)
            await asyncio.Event().wait()

    async def named(self, reference: str) -> None:
        """Returns once a space is meant by that, or no name is missing.

        What a space is called stands in its store, which is being opened when the daemon starts. A
        disk that hangs is waited for NAMES_S seconds.
        """
        if list(_meant(reference, self)):
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(NAMES_S):
                await asyncio.gather(*(mirror.told() for mirror in self))

    def find(self, reference: str) -> SpaceMirror:
        """Returns the space meant by id, unique prefix, name or path.

        Raises NotFoundError, UsageError when it may mean several, StorageError while it is
        between two mirrors.
        """
        found = list(_meant(reference, self))
        if len(found) > 1:
            ids = ", ".join(sorted(space.space_id for space in found)[:5])
            raise UsageError(
                f"{reference!a:.200} means {len(found)} spaces",
                code="ambiguous",
                hint=f"take one of these ids: {ids}",
            )
        if not found:
            raise NotFoundError(
                f"no space {reference!a:.200} here",
                code="no_space",
                hint="see the spaces with: sila-daemon space list",
            )
        if found[0].space_id not in self._tasks:
            raise StorageError(
                "the space is being opened again", code="reopening", hint="try again in a moment"
            )
        return found[0]

    def start(self, record: SpaceRecord) -> SpaceMirror:
        """Begins to look after a space that is not looked after yet."""
        assert self._group is not None, "spaces are started by the running host"
        name = f"space {record.id}"
        mirror = self._mirrors[record.id] = self._make_mirror(record)
        # One space that cannot be kept equal must not end the others.
        work = self._supervisor.keep(name, mirror, whatever=True)
        self._tasks[record.id] = self._group.create_task(work, name=name)
        return mirror

    async def end(self, space_id: str) -> None:
        """Cancels a space's work and waits for its flush."""
        await self._whole(self._end(space_id))

    async def replace(self, record: SpaceRecord) -> None:
        """Has a space looked after by another record; it stays listed meanwhile."""
        await self._whole(self._replace(record))

    async def renew(
        self, record: SpaceRecord, work: Callable[[], Awaitable[SpaceRecord]]
    ) -> SpaceMirror:
        """Does what nobody may look on at, then works by the record that it returns.

        When it fails, the space is looked after as before.
        """
        outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._whole(self._renew(record, work, outcome))
        outcome.result()
        return self._mirrors[record.id]

    async def _whole(self, change: Coroutine[Any, Any, None]) -> None:
        """Sees a change to its end though who asked for it is gone: no space is left ended."""
        assert self._group is not None, "spaces are changed by the running host"
        await asyncio.shield(self._group.create_task(change))

    async def _end(self, space_id: str) -> None:
        async with self._swapping:
            await self._finish(space_id)
            del self._mirrors[space_id]

    async def _replace(self, record: SpaceRecord) -> None:
        async with self._swapping:
            await self._finish(record.id)
            self.start(record)

    async def _renew(
        self,
        record: SpaceRecord,
        work: Callable[[], Awaitable[SpaceRecord]],
        outcome: asyncio.Future[None],
    ) -> None:
        async with self._swapping:
            await self._finish(record.id)
            try:
                record = await work()
            except SilaError as error:
                # Raised where it was asked for: out of here it would end every space.
                outcome.set_exception(error)
            else:
                outcome.set_result(None)
            finally:
                self.start(record)

    async def _finish(self, space_id: str) -> None:
        task = self._tasks.pop(space_id)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _meant(reference: str, spaces: Iterable[SpaceMirror]) -> Iterable[SpaceMirror]:
    """An id beats everything; a path, a name and a prefix count alike."""
    known = list(spaces)
    exact = [space for space in known if space.space_id == reference]
    if exact or not reference:
        return exact
    return [
        space
        for space in known
        if reference in (str(space.record.path), space.status()["name"])
        or space.space_id.startswith(reference)
    ]
