"""Every disk that a power cut may leave: not one drawn by chance, but all of them.

Of the writes of a file that were not synced any subset may have reached the disk, the last of
them torn; of the names of a directory any subset too, independently of the bytes behind them.
What comes to the same is one image. Two bounds keep the number finite, and `Count.is_cut` tells
where they were met: beyond FREE_WRITES writes of one file at once, all first parts and those that
lack one write, up to PAIRED_WRITES also two, stand for the rest, torn ones in fewer places; beyond
IMAGES_MAX images of one moment, those in which one file or directory differs from "all lost" or
"all kept".
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.simulation.inodes import SECTOR_BYTES, Directory, File, Naming, Write

T = TypeVar("T")

Key = int
Entry = File | Directory
Variant = tuple[Key, Entry]

FREE_WRITES = 5
PAIRED_WRITES = 12
FREE_NAMES = 10
SMALL_WRITE_BYTES = 256
IMAGES_MAX = 4096


@dataclass(slots=True)
class Count:
    """How an enumeration is done, and what it came to."""

    is_coarse: bool = False
    """Every write is torn in a few places only."""
    is_cut: bool = False
    """Some moment has more images than were looked at."""


def images(root: Directory, count: Count) -> Iterator[tuple[Key, Directory]]:
    """Yields what a power cut may leave of `root`, each once, the worst first."""
    for key, entry in _of_directory(root, count):
        assert isinstance(entry, Directory)
        yield key, entry


def worst(root: Directory) -> Directory:
    """Returns only what is durable."""
    return _worst(root, {})


def key_of(entry: Entry) -> Key:
    """Returns what tells one tree from another, as programs see them."""
    if isinstance(entry, File):
        return hash(bytes(entry.data))
    return _key({name: key_of(below) for name, below in entry.names.items()})


def _key(names: dict[str, Key]) -> Key:
    return hash(tuple(sorted(names.items())))


def _is_settled(directory: Directory) -> bool:
    """Tells whether nothing waits to become durable, here and below."""
    return not directory.waiting and all(
        entry.is_settled if isinstance(entry, File) else _is_settled(entry)
        for entry in directory.names.values()
    )


def _worst(entry: Directory, made: dict[int, Entry]) -> Directory:
    names: dict[str, Entry] = {}
    for name, below in entry.durable.items():
        if isinstance(below, File):
            names[name] = _as_left(below, below.durable)
        else:
            names[name] = _worst(below, made)
    return Directory(entry.number, names, dict(names))


def _as_left(file: File, data: bytes) -> File:
    return File(file.number, data, file.modified_ns)


def _of_file(file: File, count: Count) -> list[Variant]:
    if file.is_settled:
        return [(hash(file.durable), file)]
    found: dict[Key, Entry] = {}
    for data in _contents(file, count):
        found.setdefault(hash(data), _as_left(file, data))
    return list(found.items())


def _of_directory(directory: Directory, count: Count) -> list[Variant]:
    if _is_settled(directory):
        return [(key_of(directory), directory)]
    found: dict[Key, Entry] = {}
    known: dict[int, list[Variant]] = {}
    for subset in _subsets(directory.waiting, FREE_NAMES, count):
        names = _named(directory.durable, subset)
        below = []
        for entry in names.values():
            if id(entry) not in known:
                known[id(entry)] = _variants(entry, count)
            below.append(known[id(entry)])
        for chosen in _choices(below, count):
            left = {name: entry for name, (_, entry) in zip(names, chosen, strict=True)}
            key = _key({name: key for name, (key, _) in zip(names, chosen, strict=True)})
            if key not in found:
                found[key] = Directory(directory.number, left, dict(left))
    return list(found.items())


def _variants(entry: Entry, count: Count) -> list[Variant]:
    return _of_file(entry, count) if isinstance(entry, File) else _of_directory(entry, count)


def _named(durable: dict[str, Entry], namings: Iterable[Naming]) -> dict[str, Entry]:
    names = dict(durable)
    for naming in namings:
        for name, entry in naming.changes:
            if entry is None:
                names.pop(name, None)
            else:
                names[name] = entry
    return names


def _choices(below: list[list[Variant]], count: Count) -> Iterator[tuple[Variant, ...]]:
    """Yields one of each, in every combination; when these are too many, near both ends."""
    total = 1
    for variants in below:
        total *= len(variants)
    if total <= IMAGES_MAX:
        yield from itertools.product(*below)
        return
    count.is_cut = True
    for end in (0, -1):
        base = [variants[end] for variants in below]
        yield tuple(base)
        for index, variants in enumerate(below):
            for variant in variants:
                yield (*base[:index], variant, *base[index + 1 :])


def _subsets(waiting: Sequence[T], free: int, count: Count) -> Iterator[tuple[T, ...]]:
    """Yields the subsets of what waits, in order, from none to all."""
    if len(waiting) <= free:
        for size in range(len(waiting) + 1):
            yield from itertools.combinations(waiting, size)
        return
    count.is_cut = True
    for size in range(len(waiting)):
        yield tuple(waiting[:size])
    pairs = itertools.combinations(range(len(waiting)), 2)
    for lost in pairs if len(waiting) <= PAIRED_WRITES else ():
        yield tuple(change for index, change in enumerate(waiting) if index not in lost)
    for index in range(len(waiting)):
        yield (*waiting[:index], *waiting[index + 1 :])
    yield tuple(waiting)


def _contents(file: File, count: Count) -> Iterator[bytes]:
    """Yields what may be in a file, from nothing new to all of it."""
    is_fine = len(file.waiting) <= FREE_WRITES
    is_coarse = count.is_coarse or not is_fine
    for subset in _subsets(file.waiting, FREE_WRITES, count):
        if subset:
            before = _written(file.durable, subset[:-1])
            # Lacking two writes, or one, and torn as well: three faults in what one checksum
            # covers tell nothing that two do not.
            is_torn = is_fine or _is_first_part(subset, file.waiting)
            for torn in _torn(subset[-1], is_coarse) if is_torn else ():
                yield _written(before, (torn,))
        yield _written(file.durable, subset)


def _is_first_part(subset: Sequence[Write], waiting: Sequence[Write]) -> bool:
    return subset[-1] is waiting[len(subset) - 1]


def _torn(write: Write, is_coarse: bool) -> Iterator[Write]:
    """Yields what may be left of a write that was under way.

    Where the file grew before its new bytes were there, they are zero.
    """
    if not write.data:
        return
    data = write.data
    if not is_coarse and len(data) <= SMALL_WRITE_BYTES:
        cuts = list(range(1, len(data)))
    else:
        first = SECTOR_BYTES - write.offset % SECTOR_BYTES
        sectors = list(range(first, len(data), SECTOR_BYTES)) or [len(data) // 2]
        cuts = sorted({sectors[0], sectors[-1]}) if is_coarse else sectors
    for cut in cuts:
        yield Write(write.offset, data[:cut])
    yield Write(write.offset, bytes(len(data)))
    if not is_coarse:
        yield Write(write.offset, data[: cuts[-1]] + bytes(len(data) - cuts[-1]) if cuts else data)


def _written(data: bytes, changes: Iterable[Write]) -> bytes:
    found = bytearray(data)
    for change in changes:
        if len(found) < change.offset:
            found.extend(bytes(change.offset - len(found)))
        if change.data is None:
            del found[change.offset :]
        else:
            found[change.offset : change.offset + len(change.data)] = change.data
    return bytes(found)
