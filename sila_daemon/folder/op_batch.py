"""Ops of many trees that are appended together: written first, then made durable.

File by file, each waits for its bytes and then for its name, and a journal for each of these. Here
the bytes of many files are written before the first is synced, and each directory is made durable
once. No op counts as written before its file, its name and the way to it are durable; and a tree's
root is written once all else of the tree is, as who sees the root takes the tree to be there.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from sila_daemon.core.errors import InvalidIdError
from sila_daemon.core.op_codec import encode_lines
from sila_daemon.core.ops import value_size
from sila_daemon.folder.problems import FULL_ERRNOS, NO_HANDLE_ERRNOS, storage_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from sila_daemon.core.ops import Op
    from sila_daemon.folder.op_files import OpFiles
    from sila_daemon.ports.disk import WritableFile
    from sila_daemon.ports.workers import Workers

FILES_AT_ONCE = 32
"""So many are open at once in one batch."""

WINDOW_BYTES_MAX = 4 << 20
"""Once so many bytes of values are written, no further file is until they are durable."""

SYNCS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Appended:
    """Bytes that are durable at the end of a file now."""

    path: Path
    start: int
    """Where they begin; a healed tail's newline stands before it."""
    end: int
    line_count: int


@dataclass(slots=True)
class Group:
    """What goes to one file."""

    tree_id: str
    path: Path
    are_typed: bool
    """Whether its lines say what they are."""
    is_root: bool
    ops: list[Op] = field(default_factory=list)


@dataclass(slots=True)
class Done:
    """What is durable of the ops of a tree that are not paid yet, file by file."""

    ops: list[list[Op]] = field(default_factory=list)
    appended: list[Appended] = field(default_factory=list)

    def keep(self, owed: Collection[Op]) -> None:
        """Forgets what is not owed any more, as it was read from the files meanwhile.

        Who read them knows how far they are known by now; what was appended then tells less.
        """
        known = set(owed)
        parts = zip(self.ops, self.appended, strict=True)
        kept = [part for part in parts if not known.isdisjoint(part[0])]
        self.ops, self.appended = [ops for ops, _ in kept], [appended for _, appended in kept]


@dataclass(slots=True)
class _Open:
    """A file that was written to, and is not known to be durable."""

    group: Group
    file: WritableFile
    appended: Appended
    is_synced: bool = False
    error: OSError | None = None


class OpBatch:
    """Ops on their way into files; blocking, for one worker thread, but for `sync`.

    `write`, `sync` and `finish` take turns while `write` says that there is something to do. After
    an error nothing else is begun, but that roots still follow what is durable of their trees.
    """

    def __init__(
        self, files: OpFiles, trees: Mapping[str, Collection[Group]], done: dict[str, Done]
    ) -> None:
        """`trees` holds what is to be written of each, `done` what is durable of it.

        Both by tree; one that is durable whole is taken out of `done`.
        """
        self.appended: dict[str, list[Appended]] = {}
        """What is durable of the trees whose ops all are, in the order in which that came about."""
        self._files = files
        self._done = done
        groups = [group for of_tree in trees.values() for group in of_tree]
        self._queue = deque(sorted(groups, key=lambda group: group.is_root))
        self._others = Counter(group.tree_id for group in self._queue if not group.is_root)
        """How many files of a tree are not durable, those of its root left out."""
        self._roots = Counter(group.tree_id for group in self._queue if group.is_root)
        self._open: list[_Open] = []
        self._is_stopped = False
        """Whether a sync of the files that are open now failed."""
        self._failure: tuple[Group, OSError | InvalidIdError] | None = None
        for tree_id in trees:
            self._end(tree_id)

    @property
    def is_small(self) -> bool:
        """Whether syncs side by side would save nothing."""
        return len(self._queue) <= SYNCS_AT_ONCE

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be written."""
        return not self._queue

    def run(self) -> None:
        """Does everything on this thread."""
        try:
            while self.write():
                for first in range(SYNCS_AT_ONCE):
                    self.sync(first)
                self.finish()
        finally:
            self.close()

    async def run_on(self, workers: Workers) -> None:
        """Does everything on worker threads, with syncs side by side."""
        syncs = [partial(self.sync, first) for first in range(SYNCS_AT_ONCE)]
        try:
            while await workers.run(self.write):
                # One alone: a disk that hangs has one of the threads that all spaces share.
                await workers.run(self.sync_one)
                await asyncio.gather(*map(workers.run, syncs))
                await workers.run(self.finish)
        finally:
            self.close()

    def write(self) -> bool:
        """Writes to the next files; tells whether there are any."""
        self._is_stopped = False
        while self._queue and not self._open:
            groups = self._next_groups()
            self._make_places(groups)
            for group in groups:
                if self._files.has_place(group.path) and not self._has_written(group):
                    break
        return bool(self._open)

    def sync_one(self) -> None:
        """Makes the first file durable, if it can be."""
        self._sync(self._open[:1])

    def sync(self, first: int) -> None:
        """Makes every SYNCS_AT_ONCE-th file durable, from one on, until one cannot be."""
        self._sync(self._open[first::SYNCS_AT_ONCE])

    def _sync(self, some: Iterable[_Open]) -> None:
        for one in some:
            if self._is_stopped:
                return
            if one.is_synced:
                continue
            try:
                one.file.sync()
                one.is_synced = True
            except OSError as error:
                one.error = error
                self._is_stopped = True

    def finish(self) -> None:
        """Makes the names of files durable, and counts those that are."""
        unnamed: dict[Path, list[_Open]] = {}
        for one in self._open:
            path = one.group.path
            if one.error is not None:
                self._leave([one], one.error)
            elif one.is_synced and self._files.is_named(path):
                self._settle(one)
            elif one.is_synced:
                unnamed.setdefault(path.parent, []).append(one)
        self.close()
        for directory, some in unnamed.items():
            try:
                self._files.sync_names(directory, [one.group.path for one in some])
            except OSError as error:
                if error.errno in NO_HANDLE_ERRNOS:
                    self._fail(some[0].group, error)
                else:
                    self._leave(some, error)
                break
            for one in some:
                self._settle(one)

    def close(self) -> None:
        """Closes what is open; what was not synced counts as not written."""
        while self._open:
            one = self._open.pop()
            try:
                one.file.close()
            except OSError:
                # Of a write that failed later, as on a network's disk; a sync would not say it.
                if not one.is_synced:
                    self._files.leave(one.group.path)

    def raise_failure(self) -> None:
        """Raises StorageError or InvalidIdError for the first file that could not be written."""
        if self._failure is not None:
            group, error = self._failure
            with storage_errors(f"append to the ops of tree {group.tree_id}"):
                raise error

    def _next_groups(self) -> list[Group]:
        """Takes those that are written together: roots never with what comes before them."""
        groups: list[Group] = []
        size = 0
        while self._queue and len(groups) < FILES_AT_ONCE and size < WINDOW_BYTES_MAX:
            if groups and groups[0].is_root != self._queue[0].is_root:
                break
            group = self._queue.popleft()
            is_due = not self._others[group.tree_id] if group.is_root else self._failure is None
            if is_due:
                groups.append(group)
                size += sum(map(value_size, group.ops))
        return groups

    def _make_places(self, groups: list[Group]) -> None:
        try:
            self._files.make_places(group.path for group in groups)
        except (OSError, InvalidIdError) as error:
            for group in groups:
                if not self._files.has_place(group.path):
                    self._fail(group, error)
                    break

    def _has_written(self, group: Group) -> bool:
        """Writes to a file, and leaves it open; tells whether that was possible."""
        data = encode_lines(group.ops, are_typed=group.are_typed)
        try:
            file = self._files.open(group.path)
        except (OSError, InvalidIdError) as error:
            self._fail(group, error)
            return False
        try:
            start = file.size()
            healing = b"" if self._files.ends_well(group.path, start) else b"\n"
            file.write(healing + data)
        except OSError as error:
            if error.errno not in FULL_ERRNOS | NO_HANDLE_ERRNOS:
                self._files.leave(group.path)
            try:
                file.close()
            except OSError:  # Some disks say only here, or say again, what a write met.
                self._files.leave(group.path)
            self._fail(group, error)
            return False
        start += len(healing)
        appended = Appended(group.path, start, start + len(data), len(group.ops))
        self._open.append(_Open(group, file, appended))
        return True

    def _settle(self, one: _Open) -> None:
        """Counts what was written to a file as durable."""
        group = one.group
        done = self._done[group.tree_id]
        done.ops.append(group.ops)
        done.appended.append(one.appended)
        (self._roots if group.is_root else self._others)[group.tree_id] -= 1
        self._end(group.tree_id)

    def _end(self, tree_id: str) -> None:
        """Counts a tree as durable whole if it is."""
        if not self._others[tree_id] and not self._roots[tree_id]:
            self.appended[tree_id] = self._done.pop(tree_id).appended

    def _leave(self, some: list[_Open], error: OSError) -> None:
        for one in some:
            self._files.leave(one.group.path)
        self._fail(some[0].group, error)

    def _fail(self, group: Group, error: OSError | InvalidIdError) -> None:
        self._failure = self._failure or (group, error)
