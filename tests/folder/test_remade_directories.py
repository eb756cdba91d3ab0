"""A directory that another program made in the place of ours is not taken for durable."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from sila_daemon.folder.blobs import BlobFolder
from sila_daemon.folder.layout import SpaceLayout
from sila_daemon.folder.op_appender import OpAppender
from sila_daemon.ports.disk import remove_tree
from tests.clocks import HandClock
from tests.folder.spaces import OTHER_PEER, PEER, SPACE, SeededRandomness, moves
from tests.simulation.disk import DiskView, MachineDisk
from tests.simulation.inodes import File

ROOT = Path("/space")
LAYOUT = SpaceLayout(ROOT)
DATA = b"what the file holds"
NAME = hashlib.sha256(DATA).hexdigest()
STATIC = LAYOUT.files_dir / "static/sha256"


@pytest.fixture
def view() -> DiskView:
    view = MachineDisk("a", lambda: 1.0).view()
    for directory in (ROOT, LAYOUT.version_dir, LAYOUT.files_dir, LAYOUT.ops_dir):
        view.make_dir(directory)
        view.sync_dir(directory.parent)
    return view


def remade(view: DiskView, directory: Path, below: str = "") -> None:
    """Removes a directory for good, and makes it anew without making that durable."""
    remove_tree(view, directory)
    view.sync_dir(directory.parent)
    view.make_dir(directory)
    for part in filter(None, below.split("/")):
        directory /= part
        view.make_dir(directory)


def survives(view: DiskView, path: Path) -> bool:
    """Tells whether the worst power cut would leave a file with what is in it."""
    found = view.find(path, durable=True)
    return isinstance(found, File) and bool(found.durable)


@pytest.mark.parametrize("directory", [STATIC, STATIC / NAME[:2]])
def test_of_files_that_are_stored(view: DiskView, directory: Path) -> None:
    folder = BlobFolder(LAYOUT.files_dir, view, SeededRandomness())
    for _ in range(2):
        folder.put_static([DATA])
        assert survives(view, STATIC / NAME[:2] / NAME[2:])
        remade(view, directory, "" if directory.name == NAME[:2] else NAME[:2])


@pytest.mark.parametrize("directory", [STATIC, STATIC / NAME[:2]])
def test_of_files_that_are_found(view: DiskView, directory: Path) -> None:
    folder = BlobFolder(LAYOUT.files_dir, view, SeededRandomness())
    folder.put_static([DATA])
    for _ in range(2):
        remade(view, directory, "" if directory.name == NAME[:2] else NAME[:2])
        view.create(STATIC / NAME[:2] / NAME[2:]).write(DATA)
        folder.make_static_durable(NAME)
        assert survives(view, STATIC / NAME[:2] / NAME[2:])


@pytest.mark.parametrize("above", range(5))
@pytest.mark.parametrize("peers", [[PEER] * 3, [PEER, OTHER_PEER, "ee" * 16]])
def test_of_ops(view: DiskView, above: int, peers: list[str]) -> None:
    """Whether it is the file that stood there which is missed, or another that is begun."""
    appender = OpAppender(LAYOUT, view, HandClock(), SeededRandomness())
    for number, peer in enumerate(peers, 1):
        (appended,) = appender.append(SPACE, {peer}, moves(peer, 1, number))
        assert survives(view, appended.path)
        directory = appended.path.parents[above]
        below = appended.path.parent.relative_to(directory).as_posix()
        remade(view, directory, below if below != "." else "")


def test_of_an_op_file_that_another_program_brought_back(view: DiskView) -> None:
    appender = OpAppender(LAYOUT, view, HandClock(), SeededRandomness())
    (appended,) = appender.append(SPACE, {PEER}, moves(PEER, 1))
    view.unlink(appended.path)
    view.sync_dir(appended.path.parent)
    view.create(appended.path).write(b'[1,"a","b"]\n')
    appender.append(SPACE, {PEER}, moves(PEER, 1, 2))
    assert survives(view, appended.path)
