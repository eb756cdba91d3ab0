"""Histories made by npm's reptree 0.9.0 mean the same to us, and ours the same to it."""

from __future__ import annotations

import json
import math
import random
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sila_daemon.core import json_value, op_codec, wire
from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.core.peer_order import collation_key
from sila_daemon.core.rep_tree import RepTree
from sila_daemon.core.state_vector import StateVector
from tests.core.histories import ID_LETTERS, batches, causal_history, peer_ids
from tests.core.move_specification import op_order
from tests.core.tree_specification import picture_of
from tests.interop import node_env

if TYPE_CHECKING:
    from sila_daemon.core.json_value import Json

pytestmark = pytest.mark.slow

DRIVER = Path(__file__).with_name("reptree_driver.mjs")
RUN_SECONDS_MAX = 50


@pytest.fixture(scope="module")
def node_folder() -> Path:
    """A folder where node finds reptree."""
    return node_env.ensure(["reptree@0.9.0"])


def ask(node_folder: Path, command: str, **request: Any) -> Any:
    """Lets the driver do one command."""
    done = subprocess.run(
        [node_env.node(), str(DRIVER)],
        cwd=node_folder,
        # Escapes throughout, so that lone surrogates reach node as they are.
        input=json.dumps({"command": command, **request}).encode(),
        capture_output=True,
        timeout=RUN_SECONDS_MAX,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return json.loads(done.stdout)


def decoded(items: list[Any]) -> list[Op]:
    """Reads ops as they would come over the wire."""
    ops, refused = wire.decode_ops(json.dumps(items).encode())
    assert refused == []
    return ops


def like_javascript(value: Json) -> Json:
    """A value as it is after a round through JavaScript: -0 is 0, numbers are doubles."""
    return json.loads(json_value.canonical(value))


def check_state(tree: RepTree, theirs: dict[str, Any]) -> None:
    """Compares our tree with what reptree shows."""
    picture = picture_of(tree)
    vertices = theirs["vertices"]
    assert picture.parents == {id_: vertex["parent"] for id_, vertex in vertices.items()}
    for id_, vertex in vertices.items():
        # The original keeps `{}` and `[]` that it was given; on disk and in dumps they delete.
        kept = {key: value for key, value in vertex["properties"].items() if value not in ({}, [])}
        ours = {key: like_javascript(value) for key, value in picture.properties[id_].items()}
        assert ours == like_javascript(kept)
        check_children(tree, id_, vertex["children"])


def check_children(tree: RepTree, id_: str, theirs: list[str]) -> None:
    """Compares the order of children; what the original leaves to chance is by id for us."""
    ours = picture_of_children(tree, id_)
    assert sorted(theirs) == sorted(ours)
    if all(is_time_or_missing(tree, child) for child in ours):
        # Anything else makes its order depend on how its sort goes about it.
        assert sorted(theirs, key=lambda child: created(tree, child)) == theirs
    assert ours == sorted(ours, key=lambda child: (created(tree, child), child))


def picture_of_children(tree: RepTree, id_: str) -> list[str]:
    """The ids of the children of a vertex, as we show them."""
    vertex = tree.vertex(id_)
    assert vertex is not None
    return [child.id for child in vertex.children]


def is_time_or_missing(tree: RepTree, id_: str) -> bool:
    """Tells whether a vertex's `_c` is what the original itself writes, or not there."""
    vertex = tree.vertex(id_)
    assert vertex is not None
    created = vertex.get("_c")
    return created is None or (isinstance(created, str) and vertex.created_ms is not None)


def created(tree: RepTree, id_: str) -> float:
    """When a vertex was created; those that do not say stand before all others."""
    vertex = tree.vertex(id_)
    assert vertex is not None
    return -math.inf if vertex.created_ms is None else vertex.created_ms


def test_histories_of_reptree_mean_the_same_to_us(node_folder: Path) -> None:
    rng = random.Random("theirs")
    requests = [
        {"seed": seed, "peers": peer_ids(rng, rng.randint(1, 5)), "steps": rng.randint(5, 80)}
        for seed in range(300)
    ]
    answers = ask(node_folder, "histories", requests=requests)
    for request, answer in zip(requests, answers, strict=True):
        ops = decoded(answer["ops"])
        tree = RepTree(answer["root"])
        for batch in batches(rng, ops):
            tree.merge(batch)
        assert tree.pending_moves == tree.pending_properties == 0, request
        assert tree.root is not None
        assert tree.root.id == answer["root"]
        for state in answer["states"]:
            check_state(tree, state)
            # Theirs leaves out what lost when it arrived: it never has more than ours.
            assert len(StateVector.from_json(state["vector"]).minus(tree.vector)) == 0


def ours() -> list[list[Op]]:
    """Histories of our own, without live state."""
    found = []
    for seed in range(300):
        replicas = causal_history(random.Random(f"ours {seed}"))
        everything = {op.id: op for replica in replicas for op in replica.known}
        found.append(list(everything.values()))
    return found


def test_our_histories_mean_the_same_to_reptree(node_folder: Path) -> None:
    histories = ours()
    sent = [json.loads(wire.encode_ops(sorted(ops, key=op_order))) for ops in histories]
    states = ask(node_folder, "loads", histories=sent)
    for ops, state in zip(histories, states, strict=True):
        tree = RepTree("tree")
        tree.merge(ops)
        check_state(tree, state)
        assert state["root"] == "tree"


def test_our_lines_are_json_to_node_and_mean_the_ops(node_folder: Path) -> None:
    ops = [op for history in ours() for op in history]
    odd_key, odd_value = "\x00\x1f\x7f\x85\ufeff", json_value.encode({"\udc00": [1e300, -0.0]})
    ops += [
        MoveOp(1, "p", 'a"\n\u2028', "\ud83d"),
        PropertyOp(2, "p", "v", odd_key, odd_value),
        PropertyOp(3, "p", "v", "k", b'{"b": 1.0e2, "a": "\\ud83d"}'),
    ]
    plain = "".join(op_codec.encode_line(op).decode() for op in ops)
    typed = "".join(op_codec.encode_typed_line(op).decode() for op in ops)
    plain_rows, typed_rows = ask(node_folder, "lines", texts=[plain, typed])
    expected = [columns(op) for op in ops]
    assert [like_javascript(row) for row in plain_rows] == [row[1:] for row in expected]
    assert [like_javascript(row) for row in typed_rows] == expected


def columns(op: Op) -> list[Json]:
    """The columns of an op's typed line, as JavaScript has them."""
    if isinstance(op, MoveOp):
        return ["m", op.counter, op.target, op.parent]
    value = {} if op.value is None else like_javascript(json_value.decode(op.value))
    return ["p", op.counter, op.target, op.key, value]


def test_peers_sort_as_locale_compare_sorts_them(node_folder: Path) -> None:
    rng = random.Random("peers")
    groups = [
        ["".join(rng.choices(alphabet, k=rng.randint(1, length))) for _ in range(200)]
        for alphabet in (ID_LETTERS, "aA", "aAbB", "aA_-1", "_-", "0123456789abcdef")
        for length in (1, 3, 8, 40)
    ]
    for group, theirs in zip(groups, ask(node_folder, "sorted", groups=groups), strict=True):
        assert sorted(group, key=collation_key) == theirs


def test_op_ids_sort_as_reptree_sorts_them(node_folder: Path) -> None:
    rng = random.Random("ids")
    peers = peer_ids(rng, 30)
    ids = [(rng.randint(1, 9), rng.choice(peers)) for _ in range(500)]
    sent = [{"counter": counter, "peerId": peer} for counter, peer in ids]
    answer = ask(node_folder, "opOrder", ids=sent)
    theirs = [(op_id["counter"], op_id["peerId"]) for op_id in answer]
    assert theirs == sorted(ids, key=lambda op_id: (op_id[0], collation_key(op_id[1])))
    assert theirs == sorted(ids, key=lambda op_id: op_order(MoveOp(op_id[0], op_id[1], "v", None)))


def test_numbers_are_spelled_as_node_spells_them(node_folder: Path) -> None:
    rng = random.Random("numbers")
    doubles = [rng.uniform(-1, 1) * 10.0 ** rng.randint(-30, 30) for _ in range(3000)]
    doubles += [math.ldexp(rng.random(), rng.randint(-1074, 1020)) for _ in range(3000)]
    doubles += [float(rng.getrandbits(rng.randint(1, 80))) for _ in range(1000)]
    theirs = ask(node_folder, "numbers", texts=[repr(double) for double in doubles])
    assert [json_value.canonical(double).decode() for double in doubles] == theirs


def test_our_vectors_get_the_missing_ops_from_reptree(node_folder: Path) -> None:
    rng = random.Random("vectors")
    pairs = []
    for history in ours()[:100]:
        ops = sorted(history, key=op_order)
        held = RepTree("tree")
        held.merge(rng.sample(ops, rng.randint(0, len(ops))))
        pairs.append((ops, held))
    sent = [[json.loads(wire.encode_ops(ops)), held.vector.to_json()] for ops, held in pairs]
    for (ops, held), answer in zip(pairs, ask(node_folder, "vectors", pairs=sent), strict=True):
        full = RepTree("tree")
        full.merge(ops)
        missing = full.vector.minus(held.vector)
        theirs = {(op_id["counter"], op_id["peerId"]) for op_id in answer}
        # It sorts in op order when it loads, so nothing has lost before it is known.
        assert theirs == {op.id for op in ops if op.id in missing}
