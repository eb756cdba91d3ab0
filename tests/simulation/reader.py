"""Reads a space folder as the page on its format says, and shares nothing with our own readers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sila_daemon.ports.disk import EntryKind

if TYPE_CHECKING:
    from tests.simulation.disk import DiskView

SIZE_MAX = 1 << 30


class Line(NamedTuple):
    """One op as a folder holds it: a move has no key, and its value is the parent."""

    tree: str
    counter: int
    peer: str
    target: str
    key: str | None
    value: str | None
    """JSON text of a property; the parent of a move."""


class Reading(NamedTuple):
    """What stands in a folder."""

    ops: set[Line]
    bad: list[tuple[str, int]]
    """Lines that are no ops, as file and number; a last line without its end apart."""


def op_files(view: DiskView, root: Path) -> Iterator[tuple[Path, str]]:
    """Yields the op files of a folder, each with its tree."""
    ops = root / "space-v1" / "ops"
    for path in _walk(view, ops):
        first, rest = path.relative_to(ops).parts[:2]
        if path.suffix == ".jsonl":
            yield path, first + rest


def _walk(view: DiskView, directory: Path) -> Iterator[Path]:
    for entry in view.list_dir(directory):
        if entry.kind is EntryKind.DIRECTORY:
            yield from _walk(view, directory / entry.name)
        else:
            yield directory / entry.name


def read_folder(view: DiskView, root: Path) -> Reading:
    """Reads everything."""
    reading = Reading(set(), [])
    for path, tree in op_files(view, root):
        with view.open_read(path) as file:
            _read(path.name, tree, file.read_at(0, SIZE_MAX), reading)
    return reading


def _read(name: str, tree: str, data: bytes, reading: Reading) -> None:
    lines = data.split(b"\n")
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            op = _op(name, tree, json.loads(text))
        except (ValueError, TypeError, IndexError):
            if number < len(lines):
                reading.bad.append((name, number))
            continue
        reading.ops.add(op)


def _op(name: str, tree: str, columns: list[object]) -> Line:
    stem = name.removesuffix(".jsonl")
    if stem.endswith(("-m", "-p")) and "." not in stem:
        peer, kind = stem[:-2], stem[-1]
    else:
        peer = stem.split(".")[0]
        kind, columns = str(columns[0]), columns[1:]
    counter = columns[0]
    if not isinstance(counter, int):
        raise TypeError("a counter is an integer")
    if kind == "m":
        parent = columns[2]
        return Line(
            tree, counter, peer, str(columns[1]), None, None if parent is None else str(parent)
        )
    value = None if columns[3] in ({}, []) else json.dumps(columns[3], sort_keys=True)
    return Line(tree, counter, peer, str(columns[1]), str(columns[2]), value)
