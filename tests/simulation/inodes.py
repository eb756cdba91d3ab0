"""Files and directories of the simulated disk: what programs see, and what a power cut leaves.

Every change waits until its file or directory is synced. A power cut decides for each waiting
change whether it had reached the disk: all of them, a first part of them, or any of them; the
last write of a file may be torn. A name and the bytes behind it are durable independently.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import ClassVar, NamedTuple, TypeVar

from sila_daemon.ports.disk import EntryKind

T = TypeVar("T")

SECTOR_BYTES = 512


class Write(NamedTuple):
    """Bytes at an offset, or for None the end of the file at `offset`."""

    offset: int
    data: bytes | None


class File:
    """A regular file.

    Of what is durable only the difference is kept: what each waiting change replaced. A sync
    then costs nothing, however long the file is.
    """

    kind = EntryKind.FILE

    __slots__ = (
        "_data",
        "_is_shared",
        "_kept",
        "_replaced",
        "is_dataless",
        "modified_ns",
        "number",
        "waiting",
        "witness",
    )

    def __init__(self, number: int, data: bytes | bytearray = b"", modified_ns: int = 0) -> None:
        self.number = number
        self.modified_ns = modified_ns
        self.is_dataless = False
        """A cloud tool says that it keeps the bytes elsewhere; whoever reads them has them here."""
        self.waiting: list[Write] = []
        self._data = data if isinstance(data, bytearray) else bytearray(data)
        self._replaced: list[tuple[int, bytes, int]] = []
        """For each waiting change: offset and bytes that it replaced, and the length before."""
        self._is_shared = False
        self._kept: bytearray | None = None
        """What the disk holds, where programs see something that will never come there."""
        self.witness: object = None
        """Who was told so last: the others cannot know."""

    @property
    def data(self) -> bytearray:
        """What programs see; to be read only."""
        return self._data

    def read(self, offset: int, size: int) -> bytes:
        """Returns bytes as programs see them."""
        if not offset and len(self._data) <= size:
            return bytes(self._data)
        with memoryview(self._data) as seen, seen[offset : offset + size] as there:
            return bytes(there)

    @property
    def durable(self) -> bytes:
        """What the disk holds for certain."""
        if self._kept is not None:
            return bytes(self._kept)
        if not self.waiting:
            return bytes(self._data)
        data = bytearray(self._data)
        for offset, replaced, size in reversed(self._replaced):
            del data[size:]
            data[offset : offset + len(replaced)] = replaced
        return bytes(data)

    def write(self, offset: int, data: bytes) -> None:
        """Changes what programs see."""
        self.is_dataless = False
        seen = self._own() if self._is_shared else self._data
        size = len(seen)
        replaced = b""
        if offset == size:
            seen += data
        elif offset + len(data) <= size:
            # Over a view: bytes that are put into a slice are copied twice.
            with memoryview(seen) as view:
                there = view[offset : offset + len(data)]
                replaced = bytes(there)
                there[:] = data
                there.release()
        else:
            replaced = bytes(seen[offset:])
            seen += bytes(max(0, offset - size))
            seen[offset:] = data
        self._replaced.append((offset, replaced, size))
        self.waiting.append(Write(offset, data))

    def truncate(self, size: int) -> None:
        """Cuts or lengthens what programs see."""
        self.is_dataless = False
        seen = self._own()
        self._replaced.append((size, bytes(seen[size:]), len(seen)))
        change = Write(size, None)
        _apply(seen, change)
        self.waiting.append(change)

    def _own(self) -> bytearray:
        """Returns the bytes, no longer those of a copy too."""
        if self._is_shared:
            self._data, self._is_shared = bytearray(self._data), False
        return self._data

    @property
    def is_settled(self) -> bool:
        """Whether a power cut would leave what programs see."""
        return not self.waiting and self._kept is None

    @property
    def has_forgotten(self) -> bool:
        """Whether programs see something that will never be on the disk."""
        return self._kept is not None

    def sync(self) -> None:
        """Makes what programs see durable, but for what was forgotten."""
        if self._kept is not None:
            for change in self.waiting:
                _apply(self._kept, change)
        self.waiting.clear()
        self._replaced.clear()

    def forget(self, witness: object) -> None:
        """Has what waits never come to the disk, though programs go on seeing it.

        So do systems after a sync that failed: the next one succeeds, for nothing.
        """
        self._kept = bytearray(self.durable)
        self.witness = witness
        self.waiting.clear()
        self._replaced.clear()

    def after_power_cut(self, random: Random) -> File:
        """Returns the file as it is found afterwards."""
        data = bytearray(self.durable)
        if self.waiting:
            for change in _survivors(self.waiting, random):
                _apply(data, change)
        return File(self.number, data, self.modified_ns)

    def copy(self) -> File:
        """Returns the same file for a world of its own; the bytes part at the next change."""
        copy = File(self.number, self._data, self.modified_ns)
        copy.waiting = list(self.waiting)
        copy._replaced = list(self._replaced)
        copy.witness = self.witness
        copy.is_dataless = self.is_dataless
        copy._kept = None if self._kept is None else bytearray(self._kept)
        copy._is_shared = self._is_shared = True
        return copy


@dataclass(frozen=True, slots=True)
class Naming:
    """One change of a directory's names: all of it happens or nothing."""

    changes: tuple[tuple[str, File | Directory | None], ...]


@dataclass(slots=True, eq=False)
class Directory:
    """A directory."""

    kind: ClassVar = EntryKind.DIRECTORY
    number: int
    names: dict[str, File | Directory] = field(default_factory=dict)
    durable: dict[str, File | Directory] = field(default_factory=dict)
    waiting: list[Naming] = field(default_factory=list)
    modified_ns: int = 0
    """As of the last change that came with its time; who may, puts it back."""
    changed_ns: int = 0
    """The same, and nobody puts it back."""

    def change(self, *changes: tuple[str, File | Directory | None]) -> None:
        """Gives names, or takes them away with None."""
        naming = Naming(changes)
        _rename(self.names, naming)
        self.waiting.append(naming)

    def sync(self) -> None:
        """Makes the names durable; says nothing about what they name."""
        if self.waiting:
            self.durable = dict(self.names)
            self.waiting.clear()

    def after_power_cut(self, random: Random) -> Directory:
        """Returns the directory and all below as they are found afterwards."""
        names = dict(self.durable)
        for naming in _some(self.waiting, random):
            _rename(names, naming)
        left = {name: entry.after_power_cut(random) for name, entry in names.items()}
        return Directory(self.number, left, dict(left))

    def copy(self, made: dict[int, File | Directory] | None = None) -> Directory:
        """Returns the same directory for a world of its own.

        `made` takes every copy, by the `id` of what it is a copy of.
        """
        return _copied(self, {} if made is None else made)


def _copied(directory: Directory, made: dict[int, File | Directory]) -> Directory:
    def of(entry: File | Directory) -> File | Directory:
        if id(entry) not in made:
            made[id(entry)] = entry.copy() if isinstance(entry, File) else _copied(entry, made)
        return made[id(entry)]

    return Directory(
        directory.number,
        {name: of(entry) for name, entry in directory.names.items()},
        {name: of(entry) for name, entry in directory.durable.items()},
        [
            Naming(tuple((name, None if entry is None else of(entry)) for name, entry in n.changes))
            for n in directory.waiting
        ],
        directory.modified_ns,
        directory.changed_ns,
    )


def _apply(data: bytearray, change: Write) -> None:
    if len(data) < change.offset:
        data.extend(bytes(change.offset - len(data)))
    if change.data is None:
        del data[change.offset :]
    else:
        data[change.offset : change.offset + len(change.data)] = change.data


def _rename(names: dict[str, File | Directory], naming: Naming) -> None:
    for name, entry in naming.changes:
        if entry is None:
            names.pop(name, None)
        else:
            names[name] = entry


def _some(waiting: list[T], random: Random) -> list[T]:
    """Returns all, a first part, or any of the changes, in order."""
    kind = random.random()
    if kind < 0.3:
        return list(waiting)
    if kind < 0.7:
        return waiting[: random.randrange(len(waiting) + 1)]
    return [change for change in waiting if random.random() < 0.5]


def _survivors(waiting: list[Write], random: Random) -> list[Write]:
    kept = _some(waiting, random)
    if kept and random.random() < 0.5:
        torn = kept.pop()
        if torn.data:
            unit = 1 if random.random() < 0.5 else SECTOR_BYTES
            size = random.randrange(len(torn.data) + 1) // unit * unit
            kept.append(Write(torn.offset, torn.data[:size]))
    return kept
