"""Watches each folder in the way that works there: by events, or by looking again and again.

On network file systems and on those that programs provide, events tell only what this machine
writes; and there may be more folders than the system lets anybody watch. Such folders are polled,
which is said, and costs a hundredth of one core at most.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sila_daemon.mirror.folder_stamps import FolderStamps
from sila_daemon.mirror.watcher import Polling
from sila_daemon.ports.disk import EntryKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sila_daemon.mirror.watcher import OnHint
    from sila_daemon.mirror.watchfiles_watcher import WatchfilesWatcher
    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.disk import Disk
    from sila_daemon.ports.mounts import Mounts
    from sila_daemon.ports.randomness import Randomness
    from sila_daemon.ports.workers import Workers

EVERY_S_MIN, EVERY_S_MAX = 5.0, 60.0
TIMES_ITS_COST = 100
"""A look that takes long comes so much less often."""

MOUNT_CHECK_S = 60.0
"""How often it is checked whether a folder is on another file system by now."""

MOUNTS_S = 600.0
"""How old an answer about the mounts may be, whatever a folder looks like: see `_look_at_mount`."""

_REMOTE_KINDS = frozenset(
    "nfs nfs4 cifs smb2 smb3 smbfs 9p drvfs afs ceph glusterfs lustre beegfs gpfs virtiofs vboxsf"
    " prl_fs vmhgfs afpfs webdav macfuse osxfuse fuse.osxfs ocfs2 gfs2".split()
)


@dataclass(slots=True)
class _Root:
    """One folder, and who wants to hear of it."""

    listeners: list[OnHint] = field(default_factory=list)
    mount_reason: str = ""
    identity: tuple[int, int] | None = None
    """Of the directory whose mount was asked for; what is mounted over it has another."""
    asked_at: float = 0.0
    """When it was asked for, by the monotonic clock."""
    every_s: float = EVERY_S_MIN
    task: asyncio.Task[None] | None = None

    def tell(self, paths: frozenset[Path]) -> None:
        for on_hint in tuple(self.listeners):
            on_hint(paths)


class RootWatcher:
    """The port Watcher over file events and polls. `run` works until cancelled."""

    def __init__(
        self,
        events: WatchfilesWatcher,
        mounts: Mounts,
        clock: Clock,
        randomness: Randomness,
        disk: Disk,
        workers: Workers,
    ) -> None:
        self._events = events
        self._mounts = mounts
        self._clock = clock
        self._randomness = randomness
        self._disk = disk
        self._workers = workers
        self._roots: dict[Path, _Root] = {}
        self._group: asyncio.TaskGroup | None = None

    def subscribe(self, root: Path, on_hint: OnHint) -> Callable[[], None]:
        """Has `on_hint` called for what happens below `root`."""
        entry = self._roots.get(root)
        if entry is None:
            entry = self._roots[root] = _Root()
            self._begin(root, entry)
        entry.listeners.append(on_hint)

        def end() -> None:
            entry.listeners.remove(on_hint)
            if not entry.listeners and self._roots.get(root) is entry:
                del self._roots[root]
                if entry.task is not None:
                    entry.task.cancel()

        return end

    def polling(self, root: Path) -> Polling | None:
        """Tells why a folder is polled, if it is."""
        entry = self._roots.get(root)
        if entry is None:
            return None
        trouble = self._events.trouble
        if entry.mount_reason:
            return Polling(entry.every_s, entry.mount_reason)
        return None if trouble is None else Polling(entry.every_s, trouble.reason, trouble.hint)

    async def run(self) -> None:
        """Watches and polls."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                for root, entry in self._roots.items():
                    self._begin(root, entry)
                await self._events.run()
            finally:
                self._group = None  # Who subscribes from now on hears nothing.

    def _begin(self, root: Path, entry: _Root) -> None:
        if self._group is not None:
            entry.task = self._group.create_task(self._look_after(root, entry), name=f"poll {root}")

    async def _look_after(self, root: Path, entry: _Root) -> None:
        unsubscribe: Callable[[], None] | None = None
        stamps: FolderStamps | None = None
        checked_at: float | None = None
        try:
            while True:
                now = self._clock.monotonic()
                if checked_at is None or now >= checked_at + MOUNT_CHECK_S:
                    checked_at = now
                    await self._workers.run(lambda: self._look_at_mount(root, entry))
                if entry.mount_reason and unsubscribe is not None:
                    unsubscribe()
                    unsubscribe = None
                elif not entry.mount_reason and unsubscribe is None:
                    unsubscribe = self._events.subscribe(root, entry.tell)
                if self.polling(root) is None:
                    stamps = None
                    await self._events.changed(MOUNT_CHECK_S)
                    continue
                if stamps is None:
                    stamps = FolderStamps(root, self._disk)
                await self._poll(entry, stamps)
                jitter = 0.8 + 0.4 * self._randomness.uniform()
                await self._clock.sleep(entry.every_s * jitter)
        finally:
            if unsubscribe is not None:
                unsubscribe()

    async def _poll(self, entry: _Root, stamps: FolderStamps) -> None:
        began = self._clock.monotonic()
        changed = await self._workers.run(stamps.changed)
        took_s = self._clock.monotonic() - began
        entry.every_s = round(min(max(took_s * TIMES_ITS_COST, EVERY_S_MIN), EVERY_S_MAX), 1)
        if changed:
            entry.tell(changed)

    def _look_at_mount(self, root: Path, entry: _Root) -> None:
        """Goes through the mounts for what a folder is on, unless it is the same directory.

        What is mounted over a directory has another device number, but what is unmounted gives its
        number back. A disk with btrfs or ZFS, which have numbers that belong to no device, may
        become the network mount of the same disk between two checks, with all numbers as they
        were. Its events are missed then, and nobody told so, for MOUNTS_S at most.
        """
        now = self._clock.monotonic()
        try:
            found = self._disk.stat(root)
        except OSError:
            found = None
        is_plain = found is not None and found.kind is EntryKind.DIRECTORY
        identity = found.identity if found is not None and is_plain else None
        is_same = identity is not None and identity == entry.identity
        if not is_same or now >= entry.asked_at + MOUNTS_S:
            entry.mount_reason = self._mount_reason(root)
            entry.identity, entry.asked_at = identity, now

    def _mount_reason(self, root: Path) -> str:
        kind = self._mounts.kind(root)
        if kind in _REMOTE_KINDS or kind.startswith("fuse."):
            return f"it is on a file system whose changes by others bring no events ({kind})"
        return ""
