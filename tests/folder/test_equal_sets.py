"""The same ops in whatever files, order and pieces: the same dump, byte for byte."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from sila_daemon.core.op_codec import encode_line, encode_typed_line
from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from tests.folder.spaces import SPACE, add_ops, make_space
from tests.folder.test_dump import dump

PEERS = ["a1", "a-2", "_p", "Ab", "aC", "b" * 32]
VALUES = [b"1", b"1.5", b'"text"', b'"\\ud83d"', b"null", b"{}", b"[]", None, b'{"a":[{}]}', b"-0"]


def history(chance: random.Random) -> list[Op]:
    """Ops of many peers on few vertices: cycles, deletions, waiting ops, equal counters."""
    vertices = [SPACE, "0", *"abcdefgh"]
    ops: list[Op] = []
    taken: set[tuple[int, str]] = set()
    for _ in range(chance.randrange(20, 120)):
        op_id = chance.randrange(10, 60), chance.choice(PEERS)
        if op_id in taken:
            continue
        taken.add(op_id)
        target = chance.choice(vertices[2:])
        if chance.random() < 0.5:
            ops.append(MoveOp(*op_id, target, chance.choice(vertices)))
        else:
            key = chance.choice(["_c", "name", "k\u00e9"])
            ops.append(PropertyOp(*op_id, target, key, chance.choice(VALUES)))
    return ops


def write_somehow(root: Path, ops: list[Op], chance: random.Random) -> None:
    """Writes each op at least once, somewhere that its author may be read from."""
    files: dict[tuple[str, str], list[bytes]] = {}
    for op in ops:
        letter = "m" if isinstance(op, MoveOp) else "p"
        names = {
            f"{op.peer}-{letter}.jsonl": encode_line(op),
            f"{op.peer}-{letter} (conflicted copy 1).jsonl": encode_line(op),
            f"{op.peer}.jsonl": encode_typed_line(op),
            f"{op.peer}.{chance.randrange(3):016x}.jsonl": encode_typed_line(op),
            f"{op.peer}.{0:016x}-0.jsonl": encode_typed_line(op),
        }
        for name in chance.sample(sorted(names), chance.randrange(1, 4)):
            day = chance.choice(["2026/01/01", "2025/12/31"])
            files.setdefault((day, name), []).append(names[name])
    for (day, name), lines in files.items():
        chance.shuffle(lines)
        end = chance.choice([b"\n", b"\r\n", b"\n\n"])
        add_ops(root, name, b"".join(line[:-1] + end for line in lines), day=day)


@pytest.mark.parametrize("seed", range(25))
def test_equal_sets_give_equal_dumps(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    ops = history(chance)
    documents = []
    for number in range(3):
        root = make_space(tmp_path / str(number))
        write_somehow(root, ops, chance)
        documents.append(dump(root))
    assert documents[0] == documents[1] == documents[2]
    assert b'"problems":[]' in documents[0]
