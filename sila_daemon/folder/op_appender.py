"""Appends ops to the op files that this process alone writes.

Source: the section "What we write into a folder" of the space format. Our own peers' ops go to
`<peer>-m.jsonl` and `-p.jsonl`, those of others to `<author>.<writer>.jsonl`, and the move that
creates a tree's root, whoever made it, to `<author>.<writer>-0.jsonl` after the tree's other lines.

A file is never rewritten or truncated. What happens after a failure:
- a write that found the disk full: the file stays in use; its torn tail is closed with a newline
  before the next line;
- any other failed write, any failed sync: nobody knows what is on stable storage, so the file is
  left for good. A fresh writer id takes over, for our own peers too: their ops then go to
  `<peer>.<writer>.jsonl`, which every reader knows.
Either way the caller repeats the same batch; what was durable already is not written again.
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.core import ids
from sila_daemon.core.errors import InvalidIdError
from sila_daemon.core.op_codec import encode_lines
from sila_daemon.core.ops import MoveOp, Op
from sila_daemon.folder.layout import SpaceLayout, utc_day
from sila_daemon.folder.problems import FULL_ERRNOS, storage_errors
from sila_daemon.ports.disk import EntryKind

if TYPE_CHECKING:
    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.disk import Disk, WritableFile
    from sila_daemon.ports.randomness import Randomness

_WRITER_BYTES = 8
_Identity = tuple[int, int]
_NOT_A_FILE = {errno.ELOOP, errno.EINVAL, errno.EISDIR, errno.ENXIO}


@dataclass(frozen=True, slots=True)
class Appended:
    """Bytes that are durable at the end of a file now."""

    path: Path
    start: int
    """Where they begin; a healed tail's newline stands before it."""
    end: int
    line_count: int


class OpAppender:
    """The only writer of some op files of one space. Not for use from two threads at once."""

    def __init__(
        self, layout: SpaceLayout, disk: Disk, clock: Clock, randomness: Randomness
    ) -> None:
        self._layout = layout
        self._disk = disk
        self._clock = clock
        self._randomness = randomness
        self._writer = self._new_writer()
        self._left: set[Path] = set()
        """Files that failed in a way that forbids to write to them again."""
        self._durable_names: dict[Path, _Identity] = {}
        """Files whose names are known to be on stable storage, while they are the same files."""
        self._durable_ways: dict[Path, list[tuple[Path, _Identity | None]]] = {}
        """The same of directories, each with its way up to that of the ops."""
        self._done: dict[str, _Done] = {}
        """By tree: what is durable of a batch that failed, and that will be repeated."""

    def append(self, tree_id: str, own_peers: Collection[str], ops: Sequence[Op]) -> list[Appended]:
        """Returns when every op is on stable storage, with one sync for each file.

        What is returned holds the parts of a batch that failed before, too.
        `own_peers` are the peers that this process made. Ops must not be transient. Raises
        InvalidIdError before anything is written, and StorageError, after which the same ops
        are to be given again.
        """
        self._layout.tree_dir(tree_id)
        for author in dict.fromkeys(op.peer for op in ops):
            ids.checked_peer_id(author)
        done = self._done.setdefault(tree_id, _Done())
        waiting = [op for op in ops if op not in done.ops] if done.ops else list(ops)
        day = utc_day(self._clock.time())
        with storage_errors(f"append to the ops of tree {tree_id}"):
            for path, group in self._grouped(tree_id, day, own_peers, waiting):
                done.appended.append(self._append_to(path, group))
                done.ops.update(group.ops)
        del self._done[tree_id]
        return done.appended

    def has_left(self, path: Path) -> bool:
        """Tells whether a write or sync of a file failed: it may show what a power cut takes."""
        return path in self._left

    def _grouped(
        self, tree_id: str, day: date, own_peers: Collection[str], ops: Sequence[Op]
    ) -> list[tuple[Path, _Group]]:
        """Sorts ops by the file that they go to, the root's move last."""
        groups: dict[Path, _Group] = {}
        roots: dict[Path, _Group] = {}
        # Making a path costs more than encoding a line, and most ops go where the last one went.
        known: dict[tuple[str, bool, bool], _Group] = {}
        for op in ops:
            is_move = isinstance(op, MoveOp)
            is_root = is_move and _makes_root(op)
            place = (op.peer, is_move, is_root)
            group = known.get(place)
            if group is None:
                if is_root:
                    path = self._layout.root_file(tree_id, day, op.peer, self._writer)
                    group = roots.setdefault(path, _Group(are_typed=True))
                else:
                    own = self._own_path(tree_id, day, own_peers, op)
                    path = own or self._layout.foreign_file(tree_id, day, op.peer, self._writer)
                    group = groups.setdefault(path, _Group(are_typed=own is None))
                known[place] = group
            group.ops.append(op)
        return [*groups.items(), *roots.items()]

    def _own_path(self, tree_id: str, day: date, own_peers: Collection[str], op: Op) -> Path | None:
        if op.peer not in own_peers:
            return None
        place = self._layout.moves_file if isinstance(op, MoveOp) else self._layout.properties_file
        path = place(tree_id, day, op.peer)
        return None if path in self._left else path

    def _append_to(self, path: Path, group: _Group) -> Appended:
        known = self._durable_names.get(path)
        if known is not None and self._identity(path) != known:
            # Its directory may have gone with it, and the system give its number to another.
            del self._durable_names[path]
            self._durable_ways.pop(path.parent, None)
        self._make_durable_dir(path.parent)
        data = encode_lines(group.ops, are_typed=group.are_typed)
        with self._open(path) as file:
            try:
                start = file.size()
                healing = b"" if self._ends_well(path, start) else b"\n"
                file.write(healing + data)
            except OSError as error:
                if error.errno not in FULL_ERRNOS:
                    self._leave(path)
                raise
            try:
                file.sync()
                if path not in self._durable_names:
                    made = self._identity(path)
                    self._disk.sync_dir(path.parent)
                    if made is not None:
                        self._durable_names[path] = made
            except OSError:
                self._leave(path)
                raise
        start += len(healing)
        return Appended(path, start, start + len(data), len(group.ops))

    def _open(self, path: Path) -> WritableFile:
        if self._disk.stat(path) is None:
            self._durable_names.pop(path, None)
            return self._disk.create(path)
        if path not in self._durable_names:
            self._refuse_folded(path)
        try:
            return self._disk.open_append(path)
        except OSError as error:
            if error.errno in _NOT_A_FILE:
                self._leave(path)
            raise

    def _ends_well(self, path: Path, size: int) -> bool:
        if size == 0:
            return True
        with self._disk.open_read(path) as file:
            return file.read_at(size - 1, 1) == b"\n"

    def _leave(self, path: Path) -> None:
        self._left.add(path)
        self._writer = self._new_writer()

    def _new_writer(self) -> str:
        return self._randomness.token(_WRITER_BYTES).hex()

    def _make_durable_dir(self, directory: Path) -> None:
        """Makes a directory below the ops and its way to it durable, once for each.

        That it is there proves nothing: it may be the work of a process that was interrupted.
        """
        version_dir = self._disk.stat(self._layout.version_dir)
        if version_dir is None or version_dir.kind is not EntryKind.DIRECTORY:
            # An unmounted disk looks like this; creating a folder there would hide it.
            raise FileNotFoundError(errno.ENOENT, "the space's folder is not there")
        way = self._durable_ways.get(directory)
        # Looked at each time: a link that was put in the way since would lead out of the space,
        # and a directory that another program made in the place of ours may not be durable.
        if way is not None and all(self._is_directory(path, known) for path, known in way):
            return
        chain = [directory]
        while chain[-1] != self._layout.ops_dir:
            chain.append(chain[-1].parent)
        way = []
        for path in reversed(chain):
            self._refuse_folded(path)
            self._disk.make_dir(path)
            way.append((path, self._identity(path)))
            self._disk.sync_dir(path.parent)
        self._durable_ways[directory] = way

    def _is_directory(self, path: Path, known: _Identity | None) -> bool:
        found = self._disk.stat(path)
        return found is not None and found.kind is EntryKind.DIRECTORY and (found.identity == known)

    def _identity(self, path: Path) -> _Identity | None:
        found = self._disk.stat(path)
        return None if found is None else found.identity

    def _refuse_folded(self, path: Path) -> None:
        """Raises InvalidIdError where the file system takes one name for another."""
        if self._disk.stat(path) is None:
            return
        if all(entry.name != path.name for entry in self._disk.list_dir(path.parent)):
            raise InvalidIdError(
                f"{path.name} differs only in case from a name that is in use",
                code="id_differs_in_case",
            )


@dataclass(slots=True)
class _Group:
    """What goes to one file."""

    are_typed: bool
    """Whether its lines say what they are."""
    ops: list[Op] = field(default_factory=list)


@dataclass(slots=True)
class _Done:
    """What is durable of a batch."""

    ops: set[Op] = field(default_factory=set)
    appended: list[Appended] = field(default_factory=list)


def _makes_root(op: Op) -> bool:
    return isinstance(op, MoveOp) and op.parent is None and op.target != ids.NULL_VERTEX
