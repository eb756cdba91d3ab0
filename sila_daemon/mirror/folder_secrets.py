"""Keeps the folder's secrets file and the store's secrets equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core.errors import SecretsError, StorageError
from sila_daemon.folder.layout import stand_in_of
from sila_daemon.folder.problems import Problem, storage_errors
from sila_daemon.folder.secrets import (
    read_secrets,
    replace_secrets,
    rewrite_secrets,
)
from sila_daemon.folder.static_directories import TICK_S
from sila_daemon.folder.unsure_files import UnsureFiles, var_key
from sila_daemon.mirror.back_off import BackOff
from sila_daemon.mirror.wakes import News
from sila_daemon.store.schema import FOLDER
from sila_daemon.store.secret_merge import SecretSet

if TYPE_CHECKING:
    from sila_daemon.folder.layout import SpaceLayout
    from sila_daemon.mirror.record import MirrorPorts
    from sila_daemon.mirror.wakes import Wakes
    from sila_daemon.ports.disk import FileStat
    from sila_daemon.store.secrets import Secrets

_Stats = tuple["FileStat | None", "FileStat | None"]
"""Of the file, and of what a tool leaves in its place that has not brought it."""

RETRY_S_MAX = 60.0
"""So long at most until a file that could not be made durable is tried again."""

_KEY = var_key("secrets")

ATTEMPTS_MAX = 5
"""Of merging with a file that others write meanwhile; their events lead to the next ones."""


class FolderSecrets:
    """The secrets of one folder."""

    def __init__(
        self,
        space_id: str,
        layout: SpaceLayout,
        ports: MirrorPorts,
        secrets: Secrets,
        wakes: Wakes,
    ) -> None:
        self._space_id = space_id
        self._layout = layout
        self._ports = ports
        self._secrets = secrets
        self._wakes = wakes
        self.problem: Problem | None = None
        """Why the file is left alone, when it cannot be understood."""
        self._known: _Stats | None = None
        """What the file was when it and the store said the same; None where that is unsure."""
        self._said = SecretSet()
        """What they said then."""
        self._durable: FileStat | None = None
        """What the file was when it was made durable."""
        self._unsure = UnsureFiles(ports.disk)
        self._back_off = BackOff(ports.randomness, RETRY_S_MAX)
        self.next_due: float | None = None
        """When a file that could not be made durable is tried again."""

    def is_other(self) -> bool:
        """Tells whether the file may say something that was not merged; for a worker thread.

        Where nobody can look at it, it may: reading it tells why.
        """
        try:
            return not self._is_as_known(self._stats())
        except StorageError:
            return True

    async def sync(self) -> None:
        """Reads the file, merges name by name, and writes it only if it says something else.

        A name that the file lacks changes nothing here. Raises StorageError.
        """
        if await self._is_needless():
            return
        self._known = self.next_due = None
        try:
            for _ in range(ATTEMPTS_MAX):
                if await self._merge():
                    break
        except SecretsError as error:
            relative = self._layout.relative(self._layout.secrets)
            self.problem = Problem(relative, None, error.code, error.message)
        else:
            self.problem = None

    async def _is_needless(self) -> bool:
        """Tells whether only a cloud tool has the file, which says what the store says.

        Reading it would bring it back each time, or wait for a network that is not there.
        """
        if self._known is None:
            return False
        stats = await self._ports.workers.run(self._stats)
        is_away = stats[0] is not None and stats[0].is_dataless and self._is_as_known(stats)
        return is_away and await self._secrets.load() == self._said

    def _is_as_known(self, stats: _Stats) -> bool:
        if self._known is None or stats == self._known:
            return self._known is not None
        (file, stand_in), (known_file, known_stand_in) = stats, self._known
        if file is None or known_file is None or stand_in != known_stand_in:
            return False
        return file.is_taken_away(known_file)

    async def _merge(self) -> bool:
        """Tells whether file and store say the same now, and were not changed meanwhile."""
        disk, path, space_id = self._ports.disk, self._layout.secrets, self._space_id
        run = self._ports.workers.run
        stats, found = await run(lambda: (self._stats(), read_secrets(disk, path, space_id)))
        theirs = SecretSet(found.values if found else {})
        if found is not None:
            try:
                if not await self._keep(stats[0], theirs):
                    return False
            except StorageError as error:
                self.next_due = self._ports.clock.monotonic() + self._back_off.next_s()
                raise SecretsError(error.message) from error
            self._back_off.reset()
        before = await self._secrets.load()
        outcome = await self._secrets.merge_from(FOLDER, theirs, prefer_theirs=True)
        if outcome != before:
            self._wakes.ring(News.SECRETS)
        if outcome.values == theirs.values:
            self._known = stats if self._is_settled(stats[0]) else None
            self._said = outcome
            return True
        said, values, randomness = theirs.values, outcome.values, self._ports.randomness
        is_written = await run(
            lambda: replace_secrets(disk, path, space_id, said, values, randomness)
        )
        if is_written:
            await self._secrets.set_base(FOLDER, SecretSet(values))
        return is_written

    async def _keep(self, stat: FileStat | None, said: SecretSet) -> bool:
        """Makes durable what the file says; tells whether it still says that.

        Whoever wrote it may not have done so. Others are told of it then: a power cut would bring
        the former values back, which would pass for a newer change. Raises StorageError.
        """
        if stat is not None and stat == self._durable:
            return True
        is_kept = await self._ports.workers.run(lambda: self._kept(said))
        if is_kept:
            self._durable = stat if self._is_settled(stat) else None
        return is_kept

    def _kept(self, said: SecretSet) -> bool:
        disk, path = self._ports.disk, self._layout.secrets
        if _KEY in self._unsure:
            values, randomness = said.values, self._ports.randomness
            if not rewrite_secrets(disk, path, self._space_id, values, randomness):
                return False
            self._unsure.written(_KEY)
            return True
        with storage_errors("store the secrets"):
            self._unsure.sync_found(path, _KEY)
            self._unsure.sync_names(path.parent, (_KEY,))
        return True

    def _is_settled(self, stat: FileStat | None) -> bool:
        """Tells whether another content would give the file another time."""
        return stat is None or stat.modified_ns / 1e9 + TICK_S < self._ports.clock.time()

    def _stats(self) -> _Stats:
        disk, path = self._ports.disk, self._layout.secrets
        with storage_errors("look at the secrets"):
            return disk.stat(path), disk.stat(stand_in_of(path))
