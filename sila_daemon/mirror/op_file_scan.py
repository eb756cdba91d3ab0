"""Which op files have something new, and reading just that; blocking, for worker threads."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.core.op_codec import to_op
from sila_daemon.folder.op_reader import read_op_file
from sila_daemon.folder.problems import printable
from sila_daemon.ports.disk import EntryKind
from sila_daemon.store.positions import TAIL_BYTES, FileProgress, Position
from sila_daemon.store.space_store import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sila_daemon.core.ops import Op
    from sila_daemon.folder.layout import OpFile
    from sila_daemon.folder.space_folder import SpaceFolder
    from sila_daemon.ports.disk import Disk, FileStat

FILE_PROBLEMS_MAX = 1000
"""Of one read, so that memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is to be read of one file."""

    file: OpFile
    stat: FileStat
    start: int
    first_line: int
    is_restart: bool
    """From the beginning, though it may have been read before."""


def changed(
    folder: SpaceFolder, files: Iterable[OpFile], positions: Mapping[str, Position]
) -> list[Reading]:
    """Returns what is new in `files`. Raises OSError."""
    readings = []
    for file in files:
        stat = folder.disk.stat(folder.path_of(file))
        if stat is None or stat.kind is not EntryKind.FILE:
            continue
        known = positions.get(file.relative)
        if known is None:
            readings.append(Reading(file, stat, 0, 1, True))
        elif _is_as_it_was(known, stat):
            continue
        elif _is_longer(folder, file, known, stat):
            readings.append(Reading(file, stat, known.offset, known.line_count + 1, False))
        else:
            readings.append(Reading(file, stat, 0, 1, True))
    return readings


def _is_as_it_was(known: Position, stat: FileStat) -> bool:
    return (known.inode, known.size, known.modified_ns) == (
        stat.inode, stat.size, stat.modified_ns
    )  # fmt: skip


def _is_longer(folder: SpaceFolder, file: OpFile, known: Position, stat: FileStat) -> bool:
    """Tells whether a file begins as it did: then only its rest is new."""
    if stat.inode != known.inode or stat.size < known.offset:
        return False
    return tail_before(folder.disk, folder, file, known.offset) == known.tail


def tail_before(disk: Disk, folder: SpaceFolder, file: OpFile, offset: int) -> bytes:
    """Returns the SHA-256 of the last bytes before an offset. Raises OSError."""
    start = max(0, offset - TAIL_BYTES)
    with disk.open_read(folder.path_of(file)) as opened:
        return hashlib.sha256(opened.read_at(start, offset - start)).digest()


def read(folder: SpaceFolder, reading: Reading, source: str | None) -> Iterator[Delivery]:
    """Yields what is new in one file, each part with the position after it. Raises OSError.

    `source` is None where what is read is not to be credited to the folder.
    What stands in a conflict copy only is not credited to the folder: the original app does not
    read such files, so those ops are still to be written where it does.
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
    for chunk in chunks:
        ops: list[Op] = [to_op(file.peer, row) for row in chunk.decoded.moves]
        ops += [to_op(file.peer, row) for row in chunk.decoded.properties]
        position = Position(
            file.relative,
            reading.stat.inode,
            reading.stat.size,
            reading.stat.modified_ns,
            chunk.end,
            chunk.next_line - 1,
            tail_before(folder.disk, folder, file, chunk.end),
        )
        problems = tuple(chunk.problems[:FILE_PROBLEMS_MAX])
        yield Delivery(
            [(file.tree_id, op) for op in ops],
            None if file.is_conflict_copy else source,
            progress=FileProgress(position, problems, is_restart),
        )
        is_restart = False
