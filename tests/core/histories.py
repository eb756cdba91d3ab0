"""Seeded random histories: causal ones made by editing replicas, and hostile ones made up."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sila_daemon.core.editor import Editor
from sila_daemon.core.op_codec import MoveRow, PropertyRow
from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.core.rep_tree import RepTree

TREE_ID = "tree"
ID_LETTERS = string.ascii_letters + string.digits + "_-"

VALUES: tuple[Any, ...] = (
    None, True, 0, -1.5, "", "text", "\ud83d", "a\u2028b", [1, []], {"a": {}}, ["", None],
)  # fmt: skip
VALUE_TEXTS = (
    None, b"{}", b"[]", b"{ }", b"null", b"1", b"1.0", b'"x"', b'{"a":[]}', b'"\\ud83d"',
)  # fmt: skip
CREATED_TEXTS = (
    None, b"5", b"1760000000000.5", b'"2026-01-02T03:04:05.006Z"', b'"2025-12-31T23:59:59.999Z"',
    b'"soon"', b"true", b"null",
)  # fmt: skip


def new_editor(rng: random.Random, peer: str | None = None) -> Editor:
    """Makes an editor whose ids and whose erratic clock come from `rng`."""
    ids = iter([peer] if peer else [])

    def new_id() -> str:
        return next(ids, None) or f"{rng.getrandbits(40):010x}"

    def now() -> str:
        return f"2026-01-{rng.randint(1, 9):02d}T00:00:0{rng.randint(0, 9)}.{rng.randint(0, 9)}00Z"

    return Editor(now, new_id)


def peer_ids(rng: random.Random, count: int) -> list[str]:
    """Returns distinct peer ids, many of them alike but for case and punctuation."""
    found: set[str] = set()
    alphabet = rng.choice((ID_LETTERS, "aAbB", "aA_-1", "0123456789abcdef"))
    while len(found) < count:
        found.add("".join(rng.choices(alphabet, k=rng.randint(1, 6))))
    return sorted(found, key=lambda _: rng.random())


@dataclass
class Replica:
    """One peer: its tree and every op that it knows, in the order in which it learned them."""

    tree: RepTree
    known: list[Op] = field(default_factory=list)

    def learn(self, ops: list[Op]) -> None:
        """Merges ops of another replica."""
        held = {op.id for op in self.known}
        self.known += [op for op in ops if op.id not in held]
        self.tree.merge(ops)

    def keep_local_ops(self) -> None:
        """Notes what the last edits made."""
        self.known += self.tree.take_local_ops()


def causal_history(
    rng: random.Random, *, peers: int | None = None, steps: int | None = None
) -> list[Replica]:
    """Lets replicas edit one tree and tell each other part of what they know."""
    names = peer_ids(rng, peers or rng.randint(2, 5))
    replicas = []
    for name in names:
        editor = new_editor(rng, name)
        assert editor.peer == name
        replicas.append(Replica(RepTree(TREE_ID, editor)))
    replicas[0].tree.create_root()
    replicas[0].keep_local_ops()
    for replica in replicas[1:]:
        replica.learn(replicas[0].known)
    for _ in range(steps or rng.randint(5, 40)):
        replica = rng.choice(replicas)
        if rng.random() < 0.25:
            source = rng.choice(replicas)
            replica.learn(source.known[: rng.randint(0, len(source.known))])
        else:
            edit_at_random(rng, replica.tree)
            replica.keep_local_ops()
    return replicas


def edit_at_random(rng: random.Random, tree: RepTree) -> None:
    """Makes one edit that is allowed; sometimes none when the dice ask for a cycle."""
    ids = sorted(id_ for id_ in tree.vertex_ids() if id_ != "0")
    vertex = tree.vertex(rng.choice(ids))
    other = tree.vertex(rng.choice(ids))
    assert vertex is not None
    assert other is not None
    key = rng.choice(("name", "text", "_c"))
    dice = rng.random()
    if dice < 0.35:
        vertex.new_child({"name": f"n{rng.randint(0, 99)}"} if rng.random() < 0.5 else None)
    elif dice < 0.65:
        if vertex.id != TREE_ID and vertex not in (other, *other.ancestors):
            vertex.move_to(other)
    elif dice < 0.72:
        if vertex.id != TREE_ID:
            vertex.delete()
    elif dice < 0.92:
        vertex.set(key, rng.choice(VALUES))
    else:
        vertex.unset(key)


def hostile_history(rng: random.Random, size: int | None = None) -> list[Op]:
    """Makes up ops that no replica would: only their ids are distinct."""
    names = [*"abcdef", "0", TREE_ID][: rng.randint(3, 8)]
    if "0" not in names and rng.random() < 0.5:
        names.append("0")
    peers = peer_ids(rng, rng.randint(1, 4))
    count = size or rng.randint(1, 40)
    everyone = [(counter, peer) for counter in range(1, count + 2) for peer in peers]
    return [_hostile_op(rng, counter, peer, names) for counter, peer in rng.sample(everyone, count)]


def _hostile_op(rng: random.Random, counter: int, peer: str, names: list[str]) -> Op:
    target = rng.choice(names)
    if rng.random() < 0.7:
        parent = None if rng.random() < 0.2 else rng.choice(names)
        return MoveOp(counter, peer, target, parent)
    key = rng.choice(("_c", "name"))
    text = rng.choice(CREATED_TEXTS if key == "_c" else VALUE_TEXTS)
    return PropertyOp(counter, peer, target, key, text)


def batches(rng: random.Random, ops: list[Op]) -> Iterator[list[Op]]:
    """Shuffles ops and cuts them into batches, some of which bring known ops again."""
    shuffled = sorted(ops, key=lambda _: rng.random())
    if rng.random() < 0.3:
        shuffled = list(ops)
    start = 0
    while start < len(shuffled):
        end = start + rng.choice((1, 2, 5, 20, len(shuffled)))
        again = rng.sample(shuffled[:start], min(start, rng.choice((0, 0, 3))))
        yield shuffled[start:end] + again
        start = end


def feed_rows(rng: random.Random, tree: RepTree, ops: list[Op]) -> None:
    """Merges ops as a loader does: rows of one peer and kind at a time, in a random order."""
    groups: dict[tuple[bool, str], list[Op]] = {}
    for op in ops:
        groups.setdefault((isinstance(op, MoveOp), op.peer), []).append(op)
    with tree.batch() as batch:
        for (_, peer), group in sorted(groups.items(), key=lambda _: rng.random()):
            moves = [
                MoveRow(op.counter, op.target, op.parent) for op in group if isinstance(op, MoveOp)
            ]
            rows = [
                PropertyRow(op.counter, op.target, op.key, op.value)
                for op in group
                if isinstance(op, PropertyOp)
            ]
            if moves:
                batch.add_moves(peer, moves)
            if rows:
                batch.add_properties(peer, rows)
            if rng.random() < 0.3:
                batch.settle_moves()
