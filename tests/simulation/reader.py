"""Reads a space folder as the page on its format says, and shares nothing with our own readers."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.simulation.inodes import Directory, File

if TYPE_CHECKING:
    from tests.simulation.disk import DiskView

SECRETS = Path("space-v1", "secrets")
"""Below a folder's root."""

_NONCE_BYTES = 12
_CONFLICT_COPY = re.compile(r"([^ .(]+-[mp])[ .(].*\.jsonl")


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
    """Lines that are no ops, as file and number; a last line without its end apart, and a torn
    one with which a later line of the file begins."""
    copied: set[Line]
    """What stands in conflict copies, which the original app does not read."""


def read_folder(
    view: DiskView, root: Path, *, durable: bool = False, knows: object = None
) -> Reading:
    """Reads everything, or only what the worst power cut would leave.

    With `knows`, all counts as durable of a file that forgot something when a sync failed which
    somebody else was told of.
    """
    reading = Reading(set(), [], set())
    ops = view.find(root / "space-v1" / "ops", durable=durable)
    if not isinstance(ops, Directory):
        return reading
    for first, below in _names(ops, durable):
        if isinstance(below, Directory):
            for rest, tree in _names(below, durable):
                for name, file in _files(rest, tree, durable):
                    if name.endswith(".jsonl"):
                        is_unknown = file.has_forgotten and knows not in (None, file.witness)
                        is_seen = is_unknown or not durable
                        data = bytes(file.data) if is_seen else file.durable
                        found = _read(name, first + rest, data)
                        reading.ops.update(found.ops)
                        reading.bad.extend(found.bad)
                        reading.copied.update(found.copied)
    return reading


def read_secrets(view: DiskView, root: Path, space_id: str) -> dict[str, str] | None:
    """Opens the secrets of a folder; None when they cannot be understood."""
    file = view.find(root / SECRETS)
    data = bytes(file.data).strip() if isinstance(file, File) else b""
    if not data:
        return {}
    try:
        sealed = base64.b64decode(data, validate=True)
        nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        found = json.loads(AESGCM(space_id.encode()).decrypt(nonce, text, None))
    except (ValueError, InvalidTag):
        return None
    return found if isinstance(found, dict) else None


def sealed_secrets(values: dict[str, str], space_id: str, nonce: bytes) -> bytes:
    """Returns what the original app would write."""
    text = AESGCM(space_id.encode()).encrypt(nonce, json.dumps(values).encode(), None)
    return base64.b64encode(nonce + text)


def _names(directory: Directory, durable: bool) -> Iterable[tuple[str, File | Directory]]:
    return (directory.durable if durable else directory.names).items()


def _files(name: str, entry: File | Directory, durable: bool) -> Iterator[tuple[str, File]]:
    if isinstance(entry, File):
        yield name, entry
        return
    for below, inner in _names(entry, durable):
        yield from _files(below, inner, durable)


@lru_cache(maxsize=4096)
def _read(name: str, tree: str, data: bytes) -> Reading:
    """Reads one file. Kept, since worlds look at the same files again and again."""
    reading = Reading(set(), [], set())
    copy = _CONFLICT_COPY.fullmatch(name)
    taken = reading.ops if copy is None else reading.copied
    lines = data.split(b"\n")
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        op = _op(name if copy is None else f"{copy[1]}.jsonl", tree, text)
        if op is None:
            if number < len(lines) and not any(_begins(text, line) for line in lines[number:-1]):
                reading.bad.append((name, number))
            continue
        taken.add(op)
    return reading


def _begins(piece: bytes, line: bytes) -> bool:
    return len(line) > len(piece) and line.startswith(piece)


@lru_cache(maxsize=16384)
def _op(name: str, tree: str, text: bytes) -> Line | None:
    """Reads one line; None where it is no op. Kept, since files grow by a line at a time."""
    try:
        return _line(name, tree, json.loads(text))
    except (ValueError, TypeError, IndexError):
        return None


def _line(name: str, tree: str, columns: list[object]) -> Line:
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
    return Line(tree, counter, peer, str(columns[1]), str(columns[2]), normal_text(columns[3]))


def normal_text(value: object) -> str | None:
    """Renders the value of a property: equal for equal meanings, None for a deletion."""
    return None if value in ({}, []) else json.dumps(_normal(value), sort_keys=True)


def _normal(value: object) -> object:
    """Has every number as a double, and no negative zero."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) + 0.0
    if isinstance(value, list):
        return [_normal(item) for item in value]
    if isinstance(value, dict):
        return {key: _normal(item) for key, item in value.items()}
    return value
