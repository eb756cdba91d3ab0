"""What a hostile client may say: each forgery as bytes, with what must become of it.

Nothing here uses the code under test; what an op comes to in a folder is worked out by the
independent reader.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.simulation.device import SPACE
from tests.simulation.reader import Line, normal_text

JUMP_MAX = 1 << 20
COUNTER_MAX = 2**53 - 1
REFUSED = "refused"
"""Whatever the code."""

UNREADABLE = "unreadable"
"""Refused as a whole, or as ops that are none."""

TWINS_MAX = 3
"""Contents forged for an id of somebody else: with the true one, fewer than a server keeps."""


@dataclass(slots=True)
class Knowledge:
    """What the hostile client has seen."""

    peer: str
    trees: dict[str, list[Line]] = field(default_factory=dict)
    """Some ops of each tree."""
    highest: dict[str, int] = field(default_factory=dict)
    twins: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    """How many contents were forged for an id of somebody else, by tree, counter and peer."""

    def next_counter(self, tree: str) -> int:
        """Takes the next counter of a tree."""
        self.highest[tree] = self.highest.get(tree, 0) + 1
        return self.highest[tree]

    def knows(self, line: Line) -> bool:
        """Tells whether this very op is among those that forgeries are made of."""
        return line in self.trees.get(line.tree, ())

    def learn(self, line: Line) -> None:
        """Takes note of an op."""
        self.highest[line.tree] = max(self.highest.get(line.tree, 0), line.counter)
        lines = self.trees.setdefault(line.tree, [])
        if len(lines) < 100:
            lines.append(line)

    def tree(self, random: Random) -> str:
        """Picks a tree."""
        return random.choice(sorted(self.trees) or [SPACE])

    def vertex(self, random: Random, tree: str) -> str:
        """Picks a vertex."""
        moved = sorted({line.target for line in self.trees.get(tree, ()) if line.key is None})
        return random.choice(moved or [tree])


@dataclass(frozen=True, slots=True)
class Forged:
    """One op."""

    text: str
    fate: str | None = None
    """The code with which it is refused; None when it may be taken, and is then everywhere."""
    line: Line | None = None
    """What it comes to where it is taken; None for live state, and for what cannot be taken."""


@dataclass(frozen=True, slots=True)
class Forgery:
    """One event."""

    event: str
    payload: bytes
    ops: tuple[Forged, ...] = ()
    fate: str | None = None
    """The code with which all of it is refused."""


Maker = Callable[[Random, Knowledge], Iterator[Forgery]]


def _move(know: Knowledge, tree: str, target: str, parent: str | None, **odd: Any) -> Forged:
    counter, peer = odd.get("counter", 0) or know.next_counter(tree), odd.get("peer", know.peer)
    op = {"id": {"counter": counter, "peerId": peer}, "targetId": target, "parentId": parent}
    return Forged(json.dumps(op), odd.get("fate"), Line(tree, counter, peer, target, None, parent))


def _set(know: Knowledge, tree: str, target: str, key: str, value: str, **odd: Any) -> Forged:
    """`value` is JSON text."""
    counter, peer = odd.get("counter", 0) or know.next_counter(tree), odd.get("peer", know.peer)
    op_id = json.dumps({"counter": counter, "peerId": peer})
    names = f'"targetId":{json.dumps(target)},"key":{json.dumps(key)}'
    text = f'{{"id":{op_id},{names},"value":{value}}}'
    fate = odd.get("fate")
    if fate is not None:
        return Forged(text, fate)
    line = Line(tree, counter, peer, target, key, normal_text(json.loads(value)))
    return Forged(text, None, line)


def _send(tree: str, *ops: Forged) -> Forgery:
    texts = ",".join(op.text for op in ops)
    payload = f'{{"treeId":{json.dumps(tree)},"ops":[{texts}]}}'
    return Forgery("ops:send", payload.encode("utf-8", "surrogatepass"), ops)


def edits(random: Random, know: Knowledge) -> Iterator[Forgery]:
    """Ordinary changes: most of what a hostile client says is no different."""
    tree = know.tree(random)
    target, fresh = know.vertex(random, tree), random.randbytes(16).hex()
    yield _send(
        tree,
        _move(know, tree, fresh, target),
        _set(know, tree, fresh, "name", '"mallory"'),
        _set(know, tree, target, "k0", f'"mallory {random.randrange(99)}"'),
    )


def malformed(random: Random, know: Knowledge) -> Iterator[Forgery]:
    """Ops that are none, between two that are."""
    tree, peer = know.tree(random), know.peer
    target = know.vertex(random, tree)
    op_id = {"counter": know.next_counter(tree), "peerId": peer}
    bad: list[Any] = [
        None, 5, "x", [], {}, True, {"id": None}, {"id": {}}, {"id": {"counter": 1}},
        {"id": op_id}, {"id": op_id, "targetId": target},
        {"id": op_id, "targetId": None, "parentId": None},
        {"id": op_id, "targetId": target, "parentId": 5},
        {"id": op_id, "targetId": target, "key": None, "value": 1},
        {"id": op_id, "targetId": target, "key": "k", "value": 1, "transient": "yes"},
        {"id": {"counter": "1", "peerId": peer}, "targetId": target, "parentId": None},
        {"id": {"counter": 1, "peerId": 7}, "targetId": target, "parentId": None},
    ]  # fmt: skip
    some = [Forged(json.dumps(item), REFUSED) for item in random.sample(bad, 5)]
    first = _set(know, tree, target, "before", '"b"')
    yield _send(tree, first, *some, _set(know, tree, target, "after", '"a"'))


def bad_ids(random: Random, know: Knowledge) -> Iterator[Forgery]:
    """Names that lead out of every folder, or are too long."""
    tree = know.tree(random)
    target = know.vertex(random, tree)
    peers = ["../../../etc", "a\0b", "x" * 129, "", "\u00e9", "a/b", "a.b", "%2e%2e", "CON "]
    ops = [_set(know, tree, target, "k", "1", peer=p, fate="bad_id") for p in peers]
    ops += [_set(know, tree, t, "k", "1", fate="bad_id") for t in ("", "v" * 257)]
    ops += [_set(know, tree, target, k, "1", fate="bad_id") for k in ("", "k" * 257)]
    ops += [_move(know, tree, target, "p" * 257, fate="bad_id")]
    yield _send(tree, *random.sample(ops, 6), _set(know, tree, target, "../..", '"a key"'))
    for bad in random.sample(
        ["../../up", "ab", "", "t" * 129, "a/b", "\0\0\0", "\u00e9\u00e9\u00e9"], 2
    ):
        yield Forgery("ops:send", _send(bad, _set(know, bad, "x", "k", "1")).payload, (), "bad_id")
    yield Forgery("ops:send", b'{"treeId":7,"ops":[]}', (), "bad_id")


def bad_counters(random: Random, know: Knowledge) -> Iterator[Forgery]:
    """Counters that nobody may use, and some that would use up everybody's clock."""
    tree = know.tree(random)
    target = know.vertex(random, tree)
    texts = ["0", "-1", str(2**53), str(2**63), "1.5", "true", '"7"', "null", "1e400", "9" * 500]
    for text in random.sample(texts, 4):
        op = f'{{"id":{{"counter":{text},"peerId":"{know.peer}"}},"targetId":"x","parentId":null}}'
        yield _send(tree, Forged(op, REFUSED))
    for far in (COUNTER_MAX, COUNTER_MAX - random.randrange(2**50)):
        yield _send(tree, _set(know, tree, target, "far", "1", counter=far, fate="counter_jump"))
    near = know.highest.get(tree, 0) + JUMP_MAX - 100_000
    know.highest[tree] = near
    yield _send(tree, _set(know, tree, target, "near", '"near"', counter=near))


def odd_values(random: Random, know: Knowledge) -> Iterator[Forgery]:
    """JSON that is deep, huge, doubled, or not quite text."""
    tree = know.tree(random)
    target = know.vertex(random, tree)
    good = [
        '"\\ud83d cut"', '"\\u0000"', '"\u2028\u0085"', "{}", "[]", "null", "1e2", "-0", "1e-400",
        "[" * 64 + "]" * 64, '{"a":1,"a":2}', '"' + "y" * 5000 + '"', '{"__proto__":1}',
    ]  # fmt: skip
    bad = [
        "[" * 65 + "]" * 65,
        "1e400",
        "9" * 400,
        "[" * 5000 + "]" * 5000,
        '{"a":' * 99 + "1" + "}" * 99,
    ]
    ops = [_set(know, tree, target, f"v{random.randrange(9)}", v) for v in random.sample(good, 5)]
    ops += [_set(know, tree, target, "b", v, fate="value_not_json") for v in random.sample(bad, 2)]
    random.shuffle(ops)
    yield _send(tree, *ops)
    key = "k\ud800"
    yield _send(tree, _set(know, tree, target, key, '"a lone surrogate as key"'))
    yield _send(tree, _set(know, tree, target, "n", "NaN", fate="value_not_json"))
    for text in ("{", "'x'", "01", '"\n"'):
        if random.random() < 0.5:
            op = _set(know, tree, target, "n", text, fate=REFUSED)
            yield Forgery("ops:send", _send(tree, op).payload, (), UNREADABLE)


def twins(random: Random, know: Knowledge) -> Iterator[Forgery]:
    """Ids that others have used, with other contents."""
    tree = know.tree(random)
    known = know.trees.get(tree, [])
    own = _set(know, tree, know.vertex(random, tree), "own", '"first"')
    assert own.line is not None
    chosen = [random.choice(known)] if known else []
    for line in [*chosen, own.line]:
        ops = [own] if line is own.line else []
        count = random.choice((1, 2, 6))
        if line is not own.line:
            # With more, a server that has none but these would refuse the true one, for good.
            place = (line.tree, line.counter, line.peer)
            count = min(count, TWINS_MAX - know.twins[place])
            know.twins[place] += count
        for number in range(count):
            odd: dict[str, Any] = {"counter": line.counter, "peer": line.peer}
            if line.key is None and random.random() < 0.8:
                parent = know.vertex(random, tree)
                ops.append(_move(know, tree, line.target, parent, **odd))
            else:
                value = json.dumps(f"twin {number} {random.randrange(1000)}")
                ops.append(_set(know, tree, line.target, line.key or "twin", value, **odd))
        for op in ops:
            yield _send(tree, op)


def trees(random: Random, know: Knowledge) -> Iterator[Forgery]:
    """Trees nobody refers to, and vertices that never come to be."""
    tree = random.choice((random.randbytes(16).hex(), "abc", "A-z_0"))
    other = random.randbytes(16).hex()
    ops = [
        _move(know, tree, tree, None),
        _set(know, tree, tree, "appId", '"default-chat"'),
        _set(know, tree, other, "waits", '"for ever"'),
        _move(know, tree, other, random.randbytes(16).hex()),
        _move(know, tree, random.randbytes(4).hex(), None),
    ]
    yield _send(tree, *random.sample(ops, random.randrange(1, len(ops))))


def moves(random: Random, know: Knowledge) -> Iterator[Forgery]:
    """Cycles, moves of roots, and vertices under nothing."""
    tree = know.tree(random)
    one, two = know.vertex(random, tree), know.vertex(random, tree)
    yield _send(
        tree,
        _move(know, tree, one, two),
        _move(know, tree, two, one),
        _move(know, tree, one, one),
        _move(know, tree, "0", one),
        _move(know, tree, tree, two),
        _move(know, tree, two, "0"),
        _move(know, tree, one, None),
    )


def vectors(random: Random, know: Knowledge) -> Iterator[Forgery]:
    """State vectors that make no sense, or no end."""
    count = random.choice((10, 300, 300, 3000))
    many = [[2 * n + 1, 2 * n + 1] for n in range(count)]
    odd: list[Any] = [
        {know.peer: many}, {know.peer: many[::-1]}, {know.peer: [[1, COUNTER_MAX]]}, 5, "x", [],
        {know.peer: [[5, 1]]}, {know.peer: [[0, 1], [-5, 9]]}, {know.peer: [["1", 2]]},
        {"../x": [[1, 2]]}, {know.peer: None}, {know.peer: [[1.5, 2]]}, {know.peer: [[1, 2**70]]},
    ]  # fmt: skip
    names = [SPACE, "../..", know.tree(random), "none-here"]
    asked = {name: random.choice(odd) for name in names}
    yield Forgery("ops:state", json.dumps({"trees": asked}).encode())
    yield Forgery(
        "ops:have", json.dumps({"trees": random.choice(("*", [SPACE], [], names))}).encode()
    )


def cursors(random: Random, know: Knowledge) -> Iterator[Forgery]:
    """Places in a history that there never was."""
    odd: list[Any] = [
        None, 7, "x", [], {}, {"epoch": "e", "seq": 1, "tag": ""},
        {"epoch": "e" * 999, "seq": 2**62, "tag": "AA"}, {"epoch": "e", "seq": -1, "tag": ""},
        {"epoch": "e", "seq": 2**80, "tag": ""}, {"epoch": 1, "seq": 1, "tag": "00"},
        {"epoch": "e", "seq": 1, "tag": "not hex"}, {"epoch": "e", "seq": True, "tag": None},
    ]  # fmt: skip
    for cursor in random.sample(odd, 3):
        yield Forgery("ops:state", json.dumps({"since": cursor}).encode())


def events(random: Random, know: Knowledge) -> Iterator[Forgery]:
    """Events that there are not, and payloads that are none."""
    names = ["", "ops", "ops:send ", "OPS:SEND", "__proto__", "x" * 5000, "ready", "connect"]
    for name in random.sample(names, 3):
        yield Forgery(name, b"{}", (), "malformed_op")
    texts = [b"null", b"[]", b'"x"', b"", b"{", b"[" * 9000, b"\xff\xfe", b'{"treeId":null}', b"{}"]
    for text in random.sample(texts, 4):
        yield Forgery(random.choice(("ops:send", "ops:state", "ops:have")), text, (), REFUSED)


def flood(random: Random, know: Knowledge) -> Iterator[Forgery]:
    """Far more than there is credit for, without waiting for a single answer."""
    tree = know.tree(random)
    target = know.vertex(random, tree)
    for number in range(random.choice((20, 60))):
        yield _send(tree, _set(know, tree, target, f"f{number % 5}", f'"{number}"'))
        if random.random() < 0.2:
            yield Forgery("ops:state", json.dumps({"trees": {tree: None}}).encode())


def live_state(random: Random, know: Knowledge) -> Iterator[Forgery]:
    """Live state in masses: passed on at most, and never kept."""
    tree = know.tree(random)
    target = know.vertex(random, tree)
    ops = []
    for number in range(random.choice((5, 60))):
        counter = random.choice((know.highest.get(tree, 0) + number + 1, COUNTER_MAX, 5))
        op = {
            "id": {"counter": counter, "peerId": know.peer}, "targetId": target,
            "key": f"live{number % 3}", "value": "x" * random.choice((1, 500)), "transient": True,
        }  # fmt: skip
        ops.append(Forged(json.dumps(op)))
    yield _send(tree, *ops)


MAKERS: tuple[Maker, ...] = (
    edits, malformed, bad_ids, bad_counters, odd_values, twins, twins, trees, moves, vectors,
    cursors, events, flood, live_state,
)  # fmt: skip
