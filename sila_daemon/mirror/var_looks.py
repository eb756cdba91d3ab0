"""Looks at the mutable files on the disk: what each of them is, and is durable."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sila_daemon.core.errors import NotFoundError, StorageError
from sila_daemon.folder.layout import var_path
from sila_daemon.folder.problems import UNREADABLE, Problem, storage_errors
from sila_daemon.folder.static_directories import TICK_S
from sila_daemon.mirror.back_off import BackOff
from sila_daemon.store.blobs import VAR, BlobName, LocalBlob

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.folder.blobs import BlobFolder
    from sila_daemon.mirror.record import MirrorPorts
    from sila_daemon.ports.disk import FileStat

RETRY_S_MAX = 60.0
"""So long at most until one that could not be read, or not be made durable, is tried again."""


class VarLook(NamedTuple):
    """What was found of the mutable files, by their UUIDs."""

    found: dict[str, tuple[FileStat, LocalBlob]]
    problems: list[Problem]
    """What was in the way of their names."""
    unread: dict[str, Problem]
    """Of those that are there and cannot be read, or not be made durable."""


class VarLooks:
    """Remembers what was seen, so that only what changed is read; blocking, for worker threads."""

    def __init__(self, files_dir: Path, folder: BlobFolder, ports: MirrorPorts) -> None:
        self._files_dir = files_dir
        self._folder = folder
        self._ports = ports
        self._known: dict[str, tuple[FileStat, LocalBlob]] = {}
        self._fresh: set[str] = set()
        """Read so soon after they were written that what was written since has the same time."""
        self._failed: dict[str, Problem] = {}
        self._back_off = BackOff(ports.randomness, RETRY_S_MAX)
        self.next_due: float | None = None
        """When what failed is tried again; not before, whatever events say."""

    def all(self) -> VarLook:
        """Looks at all of them; one that cannot be read is told, and hides no other."""
        now = self._ports.clock.monotonic()
        is_early = self.next_due is not None and now < self.next_due
        look = VarLook({}, [], {})
        for uuid in self._folder.list_var(look.problems):
            if is_early and uuid in self._failed:
                look.unread[uuid] = self._failed[uuid]
                continue
            try:
                seen = self._look_at(uuid)
            except NotFoundError:
                continue  # It went meanwhile.
            except StorageError as error:
                look.unread[uuid] = self._problem(uuid, error)
                continue
            if seen is not None:
                look.found[uuid] = seen
        self._failed = dict(look.unread)
        if not look.unread:
            self._back_off.reset()
            self.next_due = None
        elif not is_early:
            # From the end on: to read on a bad disk may take longer than the wait.
            self.next_due = self._ports.clock.monotonic() + self._back_off.next_s()
        return look

    def one(self, uuid: str) -> LocalBlob | None:
        """Returns the facts of one, hashed again only when it changed.

        It is durable as it was read. Raises NotFoundError, StorageError.
        """
        seen = self._look_at(uuid)
        return None if seen is None else seen[1]

    def _look_at(self, uuid: str) -> tuple[FileStat, LocalBlob] | None:
        now = self._ports.clock.time()
        with storage_errors("look at a mutable file"):
            stat = self._ports.disk.stat(var_path(self._files_dir, uuid))
        if stat is None:
            return None
        known = self._known.get(uuid)
        if known is not None and (known[0] == stat or stat.is_taken_away(known[0])):
            if uuid not in self._fresh or stat.is_dataless:
                return known
        blob = self._folder.stat_var(uuid)
        if known is None or known[0] != stat or known[1].sha256 != blob.sha256:
            self._folder.make_var_durable(blob)
        # One whose time is that of another machine's clock is not read for ever.
        if abs(now - max(stat.modified_ns, stat.changed_ns) / 1e9) <= TICK_S:
            self._fresh.add(uuid)
        else:
            self._fresh.discard(uuid)
        found = stat, LocalBlob(BlobName(VAR, uuid), blob.size, blob.sha256)
        self._known[uuid] = found
        return found

    def _problem(self, uuid: str, error: StorageError) -> Problem:
        shown = var_path(self._files_dir, uuid).relative_to(self._files_dir.parent.parent)
        return Problem(shown.as_posix(), None, UNREADABLE, error.message)
