"""The stand-in for the original server remembers and shows what npm's reptree does."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.interop.test_reptree import ask, node_folder
from tests.original_server.replica import Replica, op_id

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["node_folder"]

pytestmark = pytest.mark.slow

CASES = 60
PEERS = ["a1", "b2", "c3"]


def some_ops(draw: random.Random) -> list[dict[str, Any]]:
    """Moves and properties in any order, some below what nobody made, some twice."""
    ops: list[dict[str, Any]] = []
    names = ["root", "x", "y", "z", "w"]
    taken: set[tuple[int, str]] = set()
    for _ in range(draw.randrange(5, 40)):
        counter, peer = draw.randrange(1, 30), draw.choice(PEERS)
        if (counter, peer) in taken:
            continue
        taken.add((counter, peer))
        op: dict[str, Any] = {"id": {"counter": counter, "peerId": peer}}
        if draw.random() < 0.4:
            parent = draw.choice([None, *names])
            op |= {"targetId": draw.choice(names), "parentId": parent}
            if op["targetId"] == parent:
                continue
        else:
            op |= {"targetId": draw.choice(names), "key": draw.choice("kl"), "transient": False}
            op |= {"value": counter} if draw.random() < 0.8 else {}
        ops.append(op)
    return ops + draw.sample(ops, len(ops) // 4)


def some_vector(draw: random.Random) -> dict[str, list[list[int]]]:
    """Ranges of some peers."""
    found = {}
    for peer in draw.sample(PEERS, draw.randrange(len(PEERS) + 1)):
        middle = draw.randrange(2, 25)
        found[peer] = [[1, middle - 1], [middle + 1, middle + draw.randrange(1, 5)]]
    return found


def test_it_shows_the_same_ops_to_the_same_questions(node_folder: Path) -> None:
    draw = random.Random(5)
    cases = [
        {"ops": some_ops(draw), "vectors": [some_vector(draw) for _ in range(4)]}
        for _ in range(CASES)
    ]
    hidden = lost = 0
    for case, theirs in zip(cases, ask(node_folder, "echoes", cases=cases), strict=True):
        replica = Replica()
        for op in case["ops"]:
            replica.apply(op)
        mine = [op_id(op) for op in replica.everything()]
        assert sorted(mine) == sorted(map(tuple, theirs["everything"])), case["ops"]
        for vector, shown in zip(case["vectors"], theirs["missing"], strict=True):
            assert sorted(op_id(op) for op in replica.missing(vector)) == sorted(map(tuple, shown))
        hidden += len({op_id(op) for op in case["ops"]} - set(mine))
        lost += len(set(mine) - {op_id(op) for op in replica.missing({})})
    assert hidden > 20 and lost > 20, "some ops wait, and some lost when they arrived"
