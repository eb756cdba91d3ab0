"""The sole owner of one open space while the daemon lives: puts its layers together.

Start reading here: `run` opens the store and keeps every layer going. What commands and screens
ask of a space is in `space_access`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sila_daemon.core.editor import Editor
from sila_daemon.core.errors import ProblemError, SilaError, StorageError
from sila_daemon.database.damage_watch import DamageWatch
from sila_daemon.folder.problems import storage_errors
from sila_daemon.mirror.back_off import BackOff
from sila_daemon.mirror.error_groups import apart
from sila_daemon.mirror.layers import Layers
from sila_daemon.mirror.live_state import LiveState
from sila_daemon.mirror.mirror_status import held_reason, status_json, unread_verdict, verdict
from sila_daemon.mirror.record import Device, MirrorPorts, MirrorSettings, SpaceRecord
from sila_daemon.mirror.space_access import SpaceAccess
from sila_daemon.mirror.store_repair import StoreRepair
from sila_daemon.mirror.store_story import StoreStory
from sila_daemon.mirror.totals import TotalsKeeper
from sila_daemon.mirror.wakes import News, Wakes
from sila_daemon.ports.clock import iso_timestamp
from sila_daemon.ports.disk import make_dirs
from sila_daemon.ports.randomness import new_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sila_daemon.mirror.intake import Arrival
    from sila_daemon.store.fetch_policy import FetchPolicy


class SpaceMirror(SpaceAccess):
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
        wakes = Wakes()
        super().__init__(record.id, ports.clock, ports.randomness, wakes, device)
        self.record = record
        self._ports = ports
        self._home = home
        self._settings = settings or MirrorSettings()
        self._wakes = wakes
        self._layers: Layers | None = None
        self._opened = asyncio.Event()
        self._told = asyncio.Event()
        """Whether the space can be used is known, either way."""
        self._stopped = asyncio.Event()
        """The layers do not work, by a pause or at the end."""
        self._trouble = ""
        self._needs_somebody = False
        """Whether no retry ends the trouble."""
        self._repair: StoreRepair | None = None
        self._story = StoreStory(
            ports, has_folder=record.path is not None, has_servers=bool(record.servers)
        )
        self._totals = TotalsKeeper(record.id)
        self._live_state = LiveState()
        self._paused_until = record.paused_until
        self._pause_changed = asyncio.Event()
        self._observers: list[Callable[[dict[str, Any]], None]] = []
        self.transfers.listen(lambda: self._changed("transfers"))

    async def run(self) -> None:
        """Opens the store and keeps the layers going, until cancelled.

        A store that cannot be opened is told by `status` and tried again.
        """
        back_off = BackOff(self._ports.randomness, self._settings.retry_delay_s_max)
        try:
            while True:
                try:
                    await apart(self._open_and_work())
                except SilaError as error:
                    self._trouble, self._needs_somebody = (
                        error.message, isinstance(error, ProblemError)
                    )  # fmt: skip
                    self._told.set()
                    await self._repair_after(error)
                    self._changed("state")
                finally:
                    self._opened.clear()
                    self._stopped.set()
                    self._layers = None
                await self._ports.clock.sleep(back_off.next_s())
        finally:
            self._told.set()  # Who waits for this mirror would wait for ever.

    async def ready(self) -> None:
        """Returns once the space can be read and edited."""
        await self._opened.wait()

    async def told(self) -> None:
        """Returns once the space can be read, or it is known why it cannot."""
        await self._told.wait()

    @property
    def is_in_trouble(self) -> bool:
        """Whether the space cannot be opened as things are."""
        return self._layers is None and bool(self._trouble)

    def status(self) -> dict[str, Any]:
        """Returns one element of `spaces` of the status."""
        layers = self._layers
        folder = layers.folder if layers else None
        remotes = [remote.status for remote in layers.remotes] if layers else []
        trouble, totals = self._trouble, self._totals.totals
        if layers is None and not trouble:
            state, reason = "syncing", "the space is being opened"
        else:
            others = [layers.local_blobs.checks.verdict()] if layers else []
            if layers and folder is None:
                others.append(unread_verdict(layers.local_blobs.problems))
            others.append(self._story.verdict())
            state, reason = verdict(
                self.record, self._is_paused(), trouble, totals, folder, others, remotes
            )
        if trouble and self._needs_somebody:
            state = "needs_you"
        path = self.record.path
        polling = None if path is None else self._ports.watcher.polling(path)
        shown = status_json(
            self.record, state, reason, totals, folder, remotes, self.transfers, polling
        )
        return {**shown, "rebuilt": self._story.to_json()}

    async def sync_now(self) -> None:
        """Scans and exchanges; returns when everything is equal. Raises SilaError."""
        layers = await self._ready_layers()
        if self._is_paused():
            raise _paused()
        syncing = asyncio.ensure_future(layers.sync_now())
        stopped = asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait([syncing, stopped], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            if not syncing.done():
                syncing.cancel()
                await asyncio.gather(syncing, return_exceptions=True)
        if syncing.cancelled():
            raise _paused() if self._is_paused() else _closed()
        syncing.result()
        if self._totals.totals.held_ops:
            raise ProblemError(held_reason(self._totals.totals), code="needs_you")

    def observe(self, observer: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        """Calls `observer` with what happens, as `{"kind": ..., ...}`; returns what ends it.

        Of a kind `state` `status` tells the rest: who listens may want it less often.
        """
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def pause(self, until: float | None = None) -> None:
        """Stops all exchange until `until` (Unix seconds), or until `resume`; edits go on."""
        self._paused_until = float("inf") if until is None else until
        self._pause_changed.set()

    def resume(self) -> None:
        """Ends a pause."""
        self._paused_until = None
        self._stopped.clear()
        self._pause_changed.set()

    def set_fetch(self, policy: FetchPolicy) -> None:
        """Has files fetched by another policy from now on; what is here stays."""
        self.record = replace(self.record, fetch=policy)
        if self._layers is not None:
            self._layers.away.policy = policy
        self._wakes.ring(News.BLOBS)

    def _is_paused(self) -> bool:
        until = self._paused_until
        return until is not None and self._ports.clock.time() < until

    async def _ready_layers(self) -> Layers:
        await self.told()
        if self._layers is None:
            raise StorageError(self._trouble) if self._trouble else _closed()
        return self._layers

    async def _open_and_work(self) -> None:
        with storage_errors("make the directory of the store"):
            await self._ports.workers.run(lambda: make_dirs(self._ports.disk, self._home))
        watch = DamageWatch(self._ports.databases)
        repair = self._repair = StoreRepair(self._home, self._ports, watch)
        layers = await Layers.open(
            self.record,
            self._ports,
            self._settings,
            self._device,
            self._home,
            self._wakes,
            self.transfers,
            repair,
            self._new_editor,
            self._arrived,
        )
        try:
            await self._totals.count(layers)
            await self._story.load(layers.store)
            if repair.rebuilt is not None:
                self._tell({"kind": "rebuilt", "text": repair.rebuilt.sentence})
            self._trouble, self._needs_somebody = "", False
            self._layers = layers
            self._opened.set()
            self._told.set()
            async with asyncio.TaskGroup() as group:
                group.create_task(layers.intake.run(), name=f"intake {self.record.id}")
                group.create_task(layers.trees.run(), name=f"trees {self.record.id}")
                group.create_task(self._keep_layers(layers), name=f"layers {self.record.id}")
                group.create_task(_end_when_damaged(watch), name=f"damage {self.record.id}")
                group.create_task(self._story.follow(self._wakes), name=f"story {self.record.id}")
                group.create_task(
                    self._totals.follow(layers, self._wakes, lambda: self._changed("state")),
                    name=f"totals {self.record.id}",
                )
        finally:
            await layers.store.close()

    async def _repair_after(self, error: SilaError) -> None:
        """Has a damaged store made anew at the next opening."""
        if self._repair is not None and isinstance(error, StorageError):
            try:
                await self._repair.begin_if_damaged(error)
            except SilaError as other:
                self._trouble = other.message

    async def _keep_layers(self, layers: Layers) -> None:
        """Runs the layers, except while the space is paused."""
        while True:
            self._pause_changed.clear()
            if not self._is_paused():
                self._stopped.clear()
                running = asyncio.ensure_future(layers.run())
                changed = asyncio.ensure_future(self._pause_changed.wait())
                try:
                    await asyncio.wait([running, changed], return_when=asyncio.FIRST_COMPLETED)
                    if running.done():
                        running.result()
                finally:
                    self._stopped.set()
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

    def _arrived(self, arrival: Arrival) -> None:
        """Notes new debts at once: nothing is called current in between."""
        assert self._layers is not None
        committed = arrival.committed
        count = len(committed.new)
        for layer in self._layers.others(arrival.source):
            layer.added(count)
        self._totals.totals.held_ops += len(committed.held)
        self._layers.held_back(committed.origin, len(committed.held))
        if committed.released:
            self._layers.released(len(committed.released))
        if arrival.transients:
            fresh = self._live_state.fresh(arrival.transients)
            for remote in self._layers.remotes:
                if remote.status.url != arrival.source:
                    remote.offer_transients(fresh)
        shown = committed.new + committed.released
        self._totals.arrived(shown)
        if shown:
            trees = sorted({tree_id for tree_id, _ in shown})
            event = {"kind": "ops", "count": len(shown), "source": arrival.source, "trees": trees}
            self._tell(event)
        if committed.held:
            self._tell({"kind": "held", "count": len(committed.held), "source": committed.origin})

    def _changed(self, kind: str) -> None:
        self._tell({"kind": kind})

    def _tell(self, event: dict[str, Any]) -> None:
        for observer in tuple(self._observers):
            observer(event)

    def _new_editor(self) -> Editor:
        return Editor(
            lambda: iso_timestamp(self._ports.clock.time()), lambda: new_id(self._ports.randomness)
        )


async def _end_when_damaged(watch: DamageWatch) -> None:
    """Raises StorageError once the store turns out to be damaged."""
    raise await watch.damage()


def _paused() -> ProblemError:
    return ProblemError(
        "the space is paused", code="paused", hint="resume it: sila-daemon space resume SPACE"
    )


def _closed() -> StorageError:
    return StorageError("the space was paused or closed meanwhile", code="space_closed")
