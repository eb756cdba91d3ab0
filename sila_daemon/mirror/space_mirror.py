"""The sole owner of one open space while the daemon lives: puts its layers together.

Start reading here: `run` opens the store and keeps every layer going; the rest is what commands
and screens ask of a space.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from sila_daemon.core import json_value
from sila_daemon.core.editor import Editor
from sila_daemon.core.errors import ProtectionError, SilaError, StorageError
from sila_daemon.core.ops import PropertyOp
from sila_daemon.core.space import Space
from sila_daemon.core.vertex import NAME_KEYS
from sila_daemon.mirror.back_off import BackOff
from sila_daemon.mirror.error_groups import first_error
from sila_daemon.mirror.layers import Layers
from sila_daemon.mirror.mirror_status import Totals, status_json, verdict
from sila_daemon.mirror.record import Device, MirrorPorts, MirrorSettings, SpaceRecord
from sila_daemon.mirror.wakes import News, Wakes
from sila_daemon.ports.clock import iso_timestamp
from sila_daemon.ports.disk import make_dirs
from sila_daemon.ports.randomness import new_id
from sila_daemon.store.blobs import BlobName
from sila_daemon.store.space_store import Delivery

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sila_daemon.core.files_view import BlobReference
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.mirror.intake import Arrival

T = TypeVar("T")


class SpaceMirror:
    """One space: readable and editable once `ready` returns, whatever its layers are doing."""

    def __init__(
        self,
        record: SpaceRecord,
        ports: MirrorPorts,
        home: Path,
        device: Device,
        settings: MirrorSettings | None = None,
    ) -> None:
        """`home` is this space's directory for its store, and for files without a folder."""
        self.record = record
        self._ports = ports
        self._home = home
        self._device = device
        self._settings = settings or MirrorSettings()
        self._wakes = Wakes()
        self._layers: Layers | None = None
        self._opened = asyncio.Event()
        self._trouble = ""
        self._totals = Totals()
        self._is_name_stale = True
        self._paused_until = record.paused_until
        self._pause_changed = asyncio.Event()
        self._observers: list[Callable[[dict[str, Any]], None]] = []

    @property
    def space_id(self) -> str:
        """The space's id."""
        return self.record.id

    async def run(self) -> None:
        """Opens the store and keeps the layers going, until cancelled.

        A store that cannot be opened is told by `status` and tried again.
        """
        back_off = BackOff(self._ports.randomness, self._settings.retry_delay_s_max)
        while True:
            try:
                await self._open_and_work()
            except SilaError as error:
                self._trouble = error.message
                self._changed("state")
            except BaseExceptionGroup as errors:
                self._trouble = first_error(errors).message
                self._changed("state")
            finally:
                self._opened.clear()
                self._layers = None
            await self._ports.clock.sleep(back_off.next_s())

    async def ready(self) -> None:
        """Returns once the space can be read and edited."""
        await self._opened.wait()

    def status(self) -> dict[str, Any]:
        """Returns one element of `spaces` of the status."""
        layers = self._layers
        folder = layers.folder if layers else None
        remotes = [remote.status for remote in layers.remotes] if layers else []
        trouble = self._trouble
        if layers is None and not trouble:
            state, reason = "syncing", "the space is being opened"
        else:
            state, reason = verdict(self.record, self._is_paused(), trouble, folder, remotes)
        return status_json(self.record, state, reason, self._totals, folder, remotes)

    async def tree(self, tree_id: str) -> RepTree:
        """Returns a tree to read. Raises NotFoundError, StorageError."""
        return await (await self._ready_layers()).trees.get(tree_id)

    async def tree_ids(self) -> list[str]:
        """Returns the ids of all trees, the space tree's too."""
        return await (await self._ready_layers()).store.tree_ids()

    async def space(self) -> Space:
        """Returns the space tree, understood. Raises NotFoundError before its first op came."""
        return Space(await self.tree(self.record.id))

    async def edit(self, tree_id: str, change: Callable[[RepTree], T]) -> T:
        """Applies a change; when this returns, it is durable. When it raises, nothing is kept."""
        layers = await self._ready_layers()
        return await layers.intake.edit([tree_id], lambda trees: change(trees[0]))

    async def create_space(self, name: str) -> None:
        """Plants the space tree of a space that has no op yet. Raises ProtectionError."""
        layers = await self._ready_layers()
        if self.record.id in await layers.store.tree_ids():
            raise ProtectionError("the space exists already", code="exists")
        tree = Space.create(self.record.id, layers.trees.editor, name).tree
        ops = [(tree.tree_id, op) for op in tree.take_local_ops()]
        await layers.intake.deliver(Delivery(ops))

    async def create_tree(
        self, app_id: str, build: Callable[[RepTree], T], name: str = ""
    ) -> tuple[str, T]:
        """Makes an app tree and refers to it from the space's threads, in one commit."""
        layers = await self._ready_layers()
        tree_id = new_id(self._ports.randomness)

        def make(trees: list[RepTree]) -> T:
            space_tree, tree = trees
            tree.create_root().set("appId", app_id)
            result = build(tree)
            Space(space_tree).add_tree(tree_id, name)
            return result

        result = await layers.intake.edit([self.record.id], make, fresh_ids=[tree_id])
        return tree_id, result

    async def sync_now(self) -> None:
        """Scans and exchanges; returns when everything is equal. Raises SilaError."""
        layers = await self._ready_layers()
        if self._is_paused():
            raise StorageError("the space is paused", code="paused", hint="resume it first")
        if layers.folder is not None:
            await layers.folder.scan_now()
        await asyncio.gather(*(remote.sync_now() for remote in layers.remotes))
        if layers.folder is not None:
            await layers.folder.scan_now()

    async def secrets(self) -> dict[str, str]:
        """Returns all secrets by name."""
        return dict((await (await self._ready_layers()).secrets.load()).values)

    async def set_secret(self, name: str, value: str | None) -> None:
        """Sets a secret, or removes it everywhere with None; durable when this returns."""
        await (await self._ready_layers()).secrets.set(name, value)
        self._wakes.ring(News.SECRETS)

    async def put_blob(self, chunks: AsyncIterator[bytes]) -> tuple[str, int]:
        """Keeps bytes; returns their SHA-256 and how many they are. Raises StorageError."""
        local = await (await self._ready_layers()).local_blobs.put(chunks)
        return local.sha256, local.size

    async def read_blob(self, blob: BlobReference) -> AsyncIterator[bytes]:
        """Yields the bytes of a blob. Raises NotFoundError when they are not here."""
        layers = await self._ready_layers()
        async for chunk in layers.local_blobs.read(BlobName(blob.kind.value, blob.name)):
            yield chunk

    async def has_blob(self, blob: BlobReference) -> bool:
        """Tells whether the bytes of a blob are on this machine."""
        layers = await self._ready_layers()
        return await layers.local_blobs.has(BlobName(blob.kind.value, blob.name))

    def observe(self, observer: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        """Calls `observer` with what happens, as `{"kind": ..., ...}`; returns what ends it."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def pause(self, until: float | None = None) -> None:
        """Stops all exchange until `until` (Unix seconds), or until `resume`; edits go on."""
        self._paused_until = float("inf") if until is None else until
        self._pause_changed.set()

    def resume(self) -> None:
        """Ends a pause."""
        self._paused_until = None
        self._pause_changed.set()

    def _is_paused(self) -> bool:
        until = self._paused_until
        return until is not None and self._ports.clock.time() < until

    async def _ready_layers(self) -> Layers:
        while self._layers is None:
            if self._trouble:
                raise StorageError(self._trouble)
            await self._opened.wait()
        return self._layers

    async def _open_and_work(self) -> None:
        await self._ports.workers.run(lambda: make_dirs(self._ports.disk, self._home))
        layers = await Layers.open(
            self.record,
            self._ports,
            self._settings,
            self._device,
            self._home,
            self._wakes,
            self._new_editor,
            self._arrived,
        )
        try:
            await self._count(layers)
            self._trouble = ""
            self._layers = layers
            self._opened.set()
            async with asyncio.TaskGroup() as group:
                group.create_task(layers.intake.run(), name=f"intake {self.record.id}")
                group.create_task(self._keep_layers(layers), name=f"layers {self.record.id}")
                group.create_task(self._follow(layers), name=f"totals {self.record.id}")
        finally:
            await layers.store.close()

    async def _keep_layers(self, layers: Layers) -> None:
        """Runs the layers, except while the space is paused."""
        while True:
            self._pause_changed.clear()
            if not self._is_paused():
                running = asyncio.ensure_future(layers.run())
                changed = asyncio.ensure_future(self._pause_changed.wait())
                try:
                    await asyncio.wait([running, changed], return_when=asyncio.FIRST_COMPLETED)
                    if running.done():
                        running.result()
                finally:
                    for task in (running, changed):
                        task.cancel()
                    await asyncio.gather(running, changed, return_exceptions=True)
                continue
            self._changed("state")
            assert self._paused_until is not None
            left_s = self._paused_until - self._ports.clock.time()
            try:
                async with asyncio.timeout(None if left_s == float("inf") else left_s):
                    await self._pause_changed.wait()
            except TimeoutError:
                self._paused_until = None

    async def _follow(self, layers: Layers) -> None:
        """Keeps the totals up to date, and tells observers when the state changed."""
        rung: set[News] = set()
        woken = asyncio.Event()

        def note(news: News) -> None:
            rung.add(news)
            woken.set()

        unlisten = self._wakes.listen(note)
        try:
            while True:
                await woken.wait()
                woken.clear()
                heard = set(rung)
                rung.clear()  # Before the count: what is rung while it goes on is counted after.
                if heard & {News.OPS, News.BLOBS}:
                    await self._count(layers)
                if News.BLOBS in heard:
                    for remote in layers.remotes:
                        await remote.count_files()
                self._changed("state")
        finally:
            unlisten()

    async def _count(self, layers: Layers) -> None:
        self._totals.ops = await layers.store.op_count()
        self._totals.trees = len(await layers.store.tree_ids())
        self._totals.blobs = await layers.blobs.counts()
        if self._is_name_stale:
            self._is_name_stale = False
            self._totals.name = await self._stored_name(layers)

    async def _stored_name(self, layers: Layers) -> str | None:
        """Returns the space's name without loading its tree, which may be large."""
        found = await layers.store.property_ops(self.record.id, self.record.id, NAME_KEYS[0])
        last = found[-1] if found else None
        if not isinstance(last, PropertyOp) or json_value.is_deletion(last.value):
            return None
        assert last.value is not None
        name = json_value.decode(last.value)
        return name if isinstance(name, str) and name else None

    def _arrived(self, arrival: Arrival) -> None:
        """Notes new debts at once: nothing is called current in between."""
        assert self._layers is not None
        count = len(arrival.committed.new)
        for layer in self._layers.others(arrival.source):
            layer.added(count)
        if arrival.transients:
            for remote in self._layers.remotes:
                if remote.status.url != arrival.source:
                    remote.offer_transients(arrival.transients)
        if any(
            tree_id == self.record.id == op.target
            and isinstance(op, PropertyOp)
            and op.key == NAME_KEYS[0]
            for tree_id, op in arrival.committed.new
        ):
            self._is_name_stale = True
        if count:
            trees = sorted({tree_id for tree_id, _ in arrival.committed.new})
            self._tell({"kind": "ops", "count": count, "source": arrival.source, "trees": trees})

    def _changed(self, kind: str) -> None:
        self._tell({"kind": kind, "status": self.status()})

    def _tell(self, event: dict[str, Any]) -> None:
        for observer in tuple(self._observers):
            observer(event)

    def _new_editor(self) -> Editor:
        return Editor(
            lambda: iso_timestamp(self._ports.clock.time()), lambda: new_id(self._ports.randomness)
        )
