"""Files of a space: immutable ones, mutable ones, over others, beside another program."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.folder.blob_batch import put_together
from sila_daemon.folder.blobs import BlobFolder
from sila_daemon.ports.workers import InlineWorkers
from tests.crash_states.case import require
from tests.crash_states.replace_case import ReplaceCase, content

if TYPE_CHECKING:
    from tests.crash_states.machine import Machine
    from tests.simulation.disk import DiskView

FILES = Path("/space/space-v1/files")
OLD, NEW = b"old bytes", b"new " * 160
HASH = hashlib.sha256(NEW).hexdigest()
UUID = "12" * 16
STATIC = FILES / "static" / "sha256" / HASH[:2] / HASH[2:]
VAR = FILES / "var" / "uuid" / UUID[:2] / UUID[2:]
EVER_NS = 2**63

TOGETHER = [b"file 7", b"file 8"]
"""Two files in one directory."""


class TogetherCase(ReplaceCase):
    """Until it is acknowledged, some of the files may be there."""

    between = tuple(frozenset([data]) for data in TOGETHER)


def _blobs(machine: Machine) -> BlobFolder:
    return BlobFolder(FILES, machine.view, machine.randomness)


async def _put_static(machine: Machine) -> None:
    _blobs(machine).put_static([NEW[:20], NEW[20:]])


async def _put_together(machine: Machine) -> None:
    files = [(_name(data), data) for data in TOGETHER]
    stored = await put_together(_blobs(machine), InlineWorkers(), files)
    require(len(stored) == len(TOGETHER), "all of them are what their names say")


def _together(view: DiskView) -> frozenset[bytes]:
    """Returns which of them are there, each whole."""
    found = set()
    for data in TOGETHER:
        name = _name(data)
        there = content(view, FILES / "static" / "sha256" / name[:2] / name[2:])
        require(there in (None, data), f"the file {name} is not what its name says")
        if there is not None:
            found.add(data)
    return frozenset(found)


def _name(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def _put_static_of_another(machine: Machine) -> None:
    """Stores what another program has just written, and not synced."""
    view = machine.view
    if view.find(STATIC) is None:
        for directory in [*reversed(STATIC.relative_to("/space").parents)]:
            view.make_dir(Path("/space") / directory)
        view.create(STATIC).write(NEW)
    await _put_static(machine)


async def _put_var(machine: Machine) -> None:
    _blobs(machine).put_var(UUID, [NEW[:20], NEW[20:]])


async def _put_old_var(machine: Machine) -> None:
    _blobs(machine).put_var(UUID, [OLD])


async def _space(machine: Machine) -> None:
    machine.view.make_dir(Path("/space"))
    machine.view.make_dir(FILES.parent)


async def _remove_leftovers(machine: Machine) -> None:
    _blobs(machine).remove_leftovers(EVER_NS)


def _static(view: DiskView) -> bytes | None:
    return content(view, STATIC)


def _var(view: DiskView) -> bytes | None:
    return content(view, VAR)


BLOB_CASES = (
    ReplaceCase(
        "blob: immutable",
        prepare=_space, tidy=_remove_leftovers, act=_put_static, read=_static, old=None, new=NEW,
    ),
    TogetherCase(
        "blob: several together",
        prepare=_space, tidy=_remove_leftovers, act=_put_together, read=_together,
        old=frozenset(), new=frozenset(TOGETHER),
    ),
    ReplaceCase(
        "blob: mutable, new",
        prepare=_space, tidy=_remove_leftovers, act=_put_var, read=_var, old=None, new=NEW,
    ),
    ReplaceCase(
        "blob: mutable, replaced",
        prepare=_put_old_var, tidy=_remove_leftovers, act=_put_var, read=_var, old=OLD, new=NEW,
    ),
)  # fmt: skip
