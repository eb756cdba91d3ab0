"""Which op files have something new, and reading just that; blocking, for worker threads.

What was read is credited to the folder only once it would outlast a power cut: its writer may
have died, or may not care.
"""

from __future__ import annotations

import errno
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sila_daemon.core.op_codec import to_op
from sila_daemon.folder.layout import parse_op_file
from sila_daemon.folder.op_reader import read_op_file
from sila_daemon.folder.problems import UNREADABLE, Problem, printable, unreadable
from sila_daemon.ports.disk import EntryKind
from sila_daemon.store.positions import TAIL_BYTES, FileProgress, Position
from sila_daemon.store.schema import FOLDER
from sila_daemon.store.space_store import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from sila_daemon.core.ops import Op
    from sila_daemon.folder.layout import OpFile, SpaceLayout
    from sila_daemon.folder.op_batch import Appended
    from sila_daemon.folder.op_reader import FileChunk
    from sila_daemon.folder.space_folder import SpaceFolder
    from sila_daemon.ports.disk import Disk, FileStat

FILE_PROBLEMS_MAX = 1000
"""Of one read, so that memory stays bounded."""

UNREADABLE_MAX = 100
"""With more than so many files that cannot be looked at, the folder is what cannot be read."""

_OF_THE_PROCESS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""Errors that say nothing of a file."""

BUNDLE_OPS = 8000
BUNDLE_PARTS_MAX = 32
"""So much of small files is read, and stored, together: else each would have a commit of its own,
with its syncs. A part of a large file is more than that by itself."""

NO_SIZE = -1
NO_TAIL = b""
"""No file has this size, nor does any end with this hash: its position is never found again."""


@dataclass(slots=True)
class Look:
    """What a look at some files found."""

    readings: list[Reading] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """Files that do not show any more what was read from them."""
    problems: list[Problem] = field(default_factory=list)
    """Files that the disk does not give, such as those that a cloud tool has yet to bring."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is to be read of one file."""

    file: OpFile
    stat: FileStat
    start: int
    first_line: int
    is_restart: bool
    """From the beginning, though it may have been read before."""


@dataclass(slots=True)
class Bundle:
    """What was read of some files, never two parts of one: they may be stored in any order."""

    parts: list[Delivery] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    """Files that could not be read to their end."""

    @property
    def is_full(self) -> bool:
        """Whether it is to be stored before more is read."""
        op_count = sum(len(part.ops) for part in self.parts)
        return op_count >= BUNDLE_OPS or len(self.parts) >= BUNDLE_PARTS_MAX


def look(folder: SpaceFolder, files: Iterable[OpFile], positions: Mapping[str, Position]) -> Look:
    """Returns what is new in `files`, and which of them lost something.

    A file that cannot be looked at keeps no other from being read. Raises OSError for what is
    in the way of all.
    """
    found = Look()
    for file in files:
        try:
            _look_at(found, folder, file, positions.get(file.relative))
        except OSError as error:
            if error.errno in _OF_THE_PROCESS or len(found.problems) >= UNREADABLE_MAX:
                raise
            found.problems.append(unreadable(file.relative, error))
    return found


def _look_at(found: Look, folder: SpaceFolder, file: OpFile, known: Position | None) -> None:
    """A conflict copy may come and go: nothing in it was credited to the folder."""
    stat = folder.disk.stat(folder.path_of(file))
    is_file = stat is not None and stat.kind is EntryKind.FILE
    if stat is None or not is_file:
        if known is not None and not file.is_conflict_copy:
            found.lost.append(file.relative)
    elif known is None:
        found.readings.append(Reading(file, stat, 0, 1, True))
    elif _is_as_it_was(known, stat):
        return
    elif _begins_as_it_did(folder, file, known, stat):
        found.readings.append(_rest(file, known, stat))
    elif file.is_conflict_copy:
        found.readings.append(Reading(file, stat, 0, 1, True))
    else:
        found.lost.append(file.relative)


def about_others(problems: Iterable[Problem], files: Iterable[OpFile]) -> list[Problem]:
    """Returns the problems but those of files that could not be read and are looked at again."""
    paths = {file.relative for file in files}
    return [one for one in problems if one.code != UNREADABLE or one.path not in paths]


def gone(
    folder: SpaceFolder, files: Iterable[OpFile], positions: Mapping[str, Position]
) -> list[OpFile]:
    """Returns the files that were read once and are surely not there, as `files` are."""
    found = []
    for path in sorted(positions.keys() - {file.relative for file in files}):
        file = parse_op_file(path)
        try:
            if folder.disk.stat(folder.path_of(file)) is None:
                found.append(file)
        except OSError:
            continue  # Its directory cannot be looked into; the scan tells of that.
    return found


def _is_as_it_was(known: Position, stat: FileStat) -> bool:
    return (known.inode, known.size, known.modified_ns) == (
        stat.inode, stat.size, stat.modified_ns
    )  # fmt: skip


def _begins_as_it_did(folder: SpaceFolder, file: OpFile, known: Position, stat: FileStat) -> bool:
    if stat.size < known.offset:
        return False
    return tail_before(folder.disk, folder, file, known.offset) == known.tail


def _rest(file: OpFile, known: Position, stat: FileStat) -> Reading:
    """Reads on where the last read ended; another file in its place is read whole."""
    if stat.inode != known.inode:
        return Reading(file, stat, 0, 1, True)
    return Reading(file, stat, known.offset, known.line_count + 1, False)


def after_append(
    disk: Disk, layout: SpaceLayout, appended: Appended, known: Position | None
) -> Position:
    """Returns how far a file counts as read that we appended to.

    With it a file that is gone or shorter before anybody read it back is noticed too. Where the
    file was not as it is known, lines may be gone or have come: then it counts as one that lost
    lines, however it looks from now on, since it may be put back to what is known. Raises
    OSError, FileNotFoundError when what was appended is gone already.
    """
    stat = disk.stat(appended.path)
    if stat is None or stat.size < appended.end:
        raise FileNotFoundError(errno.ENOENT, "what was just appended is gone", str(appended.path))
    path = layout.relative(appended.path)
    offset, line_count = (0, 0) if known is None else (known.offset, known.line_count)
    is_as_known = (offset, stat.size) == (appended.start, appended.end)
    # By its size alone it may be: one that lost lines can have got others of the same length.
    if is_as_known and known is not None:
        is_as_known = _tail(disk, appended.path, offset) == known.tail
    if not is_as_known:
        return Position(path, stat.inode, NO_SIZE, stat.modified_ns, offset, line_count, NO_TAIL)
    tail = _tail(disk, appended.path, appended.end)
    line_count += appended.line_count
    return Position(
        path, stat.inode, appended.end, stat.modified_ns, appended.end, line_count, tail
    )


def tail_before(disk: Disk, folder: SpaceFolder, file: OpFile, offset: int) -> bytes:
    """Returns the SHA-256 of the last bytes before an offset. Raises OSError."""
    return _tail(disk, folder.path_of(file), offset)


def _tail(disk: Disk, path: Path, offset: int) -> bytes:
    start = max(0, offset - TAIL_BYTES)
    with disk.open_read(path) as opened:
        return hashlib.sha256(opened.read_at(start, offset - start)).digest()


def read_all(
    folder: SpaceFolder, readings: Iterable[Reading], has_left: Callable[[Path], bool]
) -> Iterator[Bundle]:
    """Yields what is new in files, in their order.

    `has_left` tells of a file that what it shows is not known to be durable, as a write failed.
    """
    bundle = Bundle()
    for reading in readings:
        source = None if has_left(folder.path_of(reading.file)) else FOLDER
        is_first = True
        try:
            for part in read(folder, reading, source):
                if not is_first or bundle.is_full:
                    yield bundle
                    bundle = Bundle()
                bundle.parts.append(part)
                is_first = False
        except OSError as error:
            bundle.problems.append(unreadable(reading.file.relative, error))
    if bundle.parts or bundle.problems:
        yield bundle


def read(folder: SpaceFolder, reading: Reading, source: str | None) -> Iterator[Delivery]:
    """Yields what is new in one file, each part with the position after it. Raises OSError.

    `source` is None where what is read is not to be credited to the folder.
    What stands in a conflict copy only is not credited to the folder: the original app does not
    read such files, so those ops are still to be written where it does. Nor is a last line
    without its end: positions end before it, so nobody would notice that it is gone again.
    """
    file, is_restart = reading.file, reading.is_restart
    chunks = read_op_file(
        folder.disk,
        folder.path_of(file),
        printable(file.relative),
        file.kind,
        start=reading.start,
        first_line=reading.first_line,
    )
    if file.is_conflict_copy:
        source = None
    for chunk in chunks:
        if source is not None and not _outlasts(folder, reading):
            source = None
        ops: list[Op] = [to_op(file.peer, row) for row in chunk.decoded.moves]
        ops += [to_op(file.peer, row) for row in chunk.decoded.properties]
        position = Position(
            file.relative,
            reading.stat.inode,
            _size_read(reading.stat, chunk),
            reading.stat.modified_ns,
            chunk.end,
            chunk.next_line - 1,
            tail_before(folder.disk, folder, file, chunk.end),
        )
        problems = tuple(chunk.problems[:FILE_PROBLEMS_MAX])
        yield Delivery(
            [(file.tree_id, op) for op in ops],
            None if chunk.is_tail else source,
            progress=FileProgress(position, problems, is_restart),
        )
        is_restart = False


def _size_read(stat: FileStat, chunk: FileChunk) -> int:
    """Returns the size that a file is known by once a chunk of it is stored.

    Before the last chunk it is not the file's own: should nothing after this chunk be stored, the
    file is not as it is known, and is read on.
    """
    is_last = chunk.is_tail or chunk.end >= stat.size
    return stat.size if is_last else chunk.end


def _outlasts(folder: SpaceFolder, reading: Reading) -> bool:
    """Makes what stands in a file durable, its name too when it is new; tells whether it is."""
    path = folder.path_of(reading.file)
    try:
        with folder.disk.open_read(path) as opened:
            opened.sync()
        if reading.is_restart:
            while path != folder.layout.version_dir:
                path = path.parent
                folder.disk.sync_dir(path)
    except OSError:
        return False
    return True
