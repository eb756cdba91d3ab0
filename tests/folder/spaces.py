"""Small space folders for tests, written byte by byte."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

from sila_daemon.core.op_codec import Row, to_op
from sila_daemon.core.ops import MoveOp, Op
from sila_daemon.folder.op_reader import read_op_file
from sila_daemon.folder.space_folder import SpaceFolder
from sila_daemon.ports.disk import SystemDisk

FIXTURES = Path(__file__).parents[1] / "fixtures" / "spaces"
SPACE = "5f" * 16
TREE = "7a" * 16
PEER = "aa" * 16
OTHER_PEER = "bb" * 16
DAY = "2026/01/02"


class SeededRandomness:
    """The same bytes in every run."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)

    def token(self, size_bytes: int) -> bytes:
        """Returns seeded bytes."""
        return self._random.randbytes(size_bytes)

    def uniform(self) -> float:
        """Returns a seeded number."""
        return self._random.random()


def make_space(root: Path, space_id: str = SPACE) -> Path:
    """Writes a space that has a root and nothing else."""
    (root / "space-v1" / "ops").mkdir(parents=True)
    (root / "sila.md").write_text("# Sila\n")
    (root / "space-v1" / "space.json").write_text(f'{{"id":"{space_id}"}}')
    add_ops(root, f"{PEER}-m.jsonl", b'[1,"0",null]\n[3,"%b",null]\n' % space_id.encode())
    add_ops(root, f"{PEER}-p.jsonl", b'[5,"%b","name","Small"]\n' % space_id.encode())
    return root


def add_ops(root: Path, name: str, content: bytes, tree_id: str = SPACE, day: str = DAY) -> Path:
    """Writes one op file."""
    path = root / "space-v1" / "ops" / tree_id[:2] / tree_id[2:] / day / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def add_blob(root: Path, content: bytes, name: str | None = None) -> str:
    """Writes an immutable file, under its hash or under a wrong one."""
    blob_hash = name or hashlib.sha256(content).hexdigest()
    path = root / "space-v1/files/static/sha256" / blob_hash[:2] / blob_hash[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return blob_hash


def open_folder(root: Path) -> SpaceFolder:
    """Opens a space on the real disk."""
    return SpaceFolder.open(root, SystemDisk())


def ops_on_disk(root: Path, tree_id: str = SPACE) -> set[Op]:
    """Reads every op of a tree back, as any reader would."""
    folder = open_folder(root)
    found: set[Op] = set()
    for file in folder.scan().files:
        if file.tree_id == tree_id:
            for chunk in read_op_file(folder.disk, folder.path_of(file), file.relative, file.kind):
                rows: list[Row] = [*chunk.decoded.moves, *chunk.decoded.properties]
                found.update(to_op(file.peer, row) for row in rows)
    return found


def fingerprint(root: Path) -> dict[str, tuple[int, int, str]]:
    """The names, modes, times and bytes of everything in a folder, links not followed."""
    found = {}
    for path in sorted(root.rglob("*")):
        facts = path.lstat()
        is_readable = path.is_file() and not path.is_symlink()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if is_readable else ""
        found[str(path.relative_to(root))] = facts.st_mode, facts.st_mtime_ns, content
    return found


def moves(peer: str, count: int, start: int = 10) -> list[Op]:
    """Some ops of a peer."""
    return [
        MoveOp(counter, peer, f"vertex {counter}", SPACE) for counter in range(start, start + count)
    ]
