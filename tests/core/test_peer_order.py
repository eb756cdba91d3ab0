"""The order of peer ids, and labels that keep it. `tests.interop` asks node for the same."""

from __future__ import annotations

import itertools
import random

import pytest

from sila_daemon.core.op_codec import MoveRow
from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.core.peer_order import LABEL_BITS, PeerLabels, collation_key, translated
from sila_daemon.core.rep_tree import RepTree
from tests.core.tree_specification import expected_picture, picture_of


@pytest.mark.parametrize(
    ("lesser", "greater"),
    [
        ("a", "B"), ("a", "A"), ("A", "b"), ("peer_1", "peer1"), ("a-2", "a1"), ("_", "-"),
        ("-", "0"), ("9", "a"), ("z9", "Za"), ("ab", "aB"), ("aB", "Ab"), ("aB", "ac"), ("a", "aa"),
        ("A", "aa"), ("0123abcd", "0123abce"), ("9f", "a0"), ("Ab1", "aB2"),
    ],
)  # fmt: skip
def test_the_order_of_the_spec(lesser: str, greater: str) -> None:
    assert collation_key(lesser) < collation_key(greater)


def test_lower_case_hex_is_in_code_point_order() -> None:
    rng = random.Random(1)
    peers = [f"{rng.getrandbits(128):032x}" for _ in range(500)]
    assert sorted(peers, key=collation_key) == sorted(peers)


def test_labels_of_known_peers() -> None:
    labels = PeerLabels()
    assert labels.add(["b", "a", "B", "b"]) is None
    assert "a" in labels
    assert "c" not in labels
    assert labels.label("a") < labels.label("b") < labels.label("B")
    stamp = labels.stamp(7, "b")
    assert stamp >> LABEL_BITS == 7
    assert labels.counter_and_peer(stamp) == (7, "b")
    assert labels.stamp(7, "B") > stamp > labels.stamp(7, "a") > labels.stamp(6, "B")


@pytest.mark.parametrize("is_up", [True, False])
def test_peers_that_come_in_order_seldom_need_new_labels(is_up: bool) -> None:
    labels = PeerLabels()
    peers = [f"{number:032x}" for number in range(3000)]
    spread = [labels.add([peer]) for peer in (peers if is_up else reversed(peers))]
    check_labels(labels, peers)
    assert len(spread) - spread.count(None) <= 2


def check_labels(labels: PeerLabels, peers: list[str]) -> None:
    """Labels sort as peers do, and lead back to them."""
    ordered = [labels.label(peer) for peer in sorted(peers, key=collation_key)]
    assert all(one < other for one, other in itertools.pairwise(ordered))
    assert 0 < ordered[0]
    assert ordered[-1] < 1 << LABEL_BITS
    assert [labels.counter_and_peer(labels.stamp(3, peer)) for peer in peers] == [
        (3, peer) for peer in peers
    ]


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [1, 7, 1000])
@pytest.mark.parametrize("order", ["up", "down", "inwards", "random"])
def test_labels_stay_sorted_however_peers_come(order: str, at_once: int) -> None:
    rng = random.Random(order)
    peers = sorted((f"p{number:05d}" for number in range(3000)), key=collation_key)
    if order == "down":
        peers.reverse()
    elif order == "inwards":
        peers = [peers[i // 2 if i % 2 else -1 - i // 2] for i in range(len(peers))]
    elif order == "random":
        peers = ["".join(rng.choices("abABzZ019_-", k=12)) for _ in peers]
    labels = PeerLabels()
    stamps: dict[str, int] = {}
    spreads = 0
    for start in range(0, len(peers), at_once):
        group = peers[start : start + at_once]
        renamed = labels.add(group)
        if renamed is not None:
            spreads += 1
            stamps = {peer: translated(stamp, renamed) for peer, stamp in stamps.items()}
        stamps |= {peer: labels.stamp(start + 1, peer) for peer in group}
        if spreads and start % 50 == 0:
            assert all(labels.counter_and_peer(stamp)[1] == peer for peer, stamp in stamps.items())
    check_labels(labels, peers)
    assert all(labels.counter_and_peer(stamp)[1] == peer for peer, stamp in stamps.items())
    assert spreads > 0 or order != "inwards"


def ops_of_inner_peers(count: int) -> list[Op]:
    """Each peer sorts between the two before: labels run out every 32 peers or so."""
    ops: list[Op] = [MoveOp(1, "a", "tree", None)]
    for number in range(count):
        peer = f"p{9999 - number if number % 2 else number:04d}"
        ops.append(MoveOp(2, peer, f"v{number % 5}", "tree"))
        ops.append(MoveOp(3, peer, f"v{number % 5}", f"v{(number + 1) % 7}"))
        ops.append(PropertyOp(4, peer, f"v{number % 3}", "k", b"%d" % number))
        ops.append(PropertyOp(5, peer, f"unborn{number % 3}", "k", b"1"))
        ops.append(MoveOp(6, peer, f"w{number % 3}", f"late{number % 2}"))
    # What waited until now comes in the order of its peers, whatever their labels were.
    ops += [MoveOp(7 + number, "a", f"late{number}", "tree") for number in range(2)]
    return ops


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_tree_survives_labels_that_are_spread_anew(size: int) -> None:
    ops = ops_of_inner_peers(120)
    tree = RepTree("tree")
    tree.merge(ops[:1])
    overlay = PropertyOp(9, "p0000", "tree", "live", b"1", transient=True)
    tree.merge([overlay])
    first_label = tree._labels.label("a")
    for start in range(0, len(ops), size):
        tree.merge(ops[start : start + size])
    assert tree._labels.label("a") != first_label
    expected = expected_picture("tree", ops)
    expected.properties["tree"]["live"] = 1
    assert picture_of(tree) == expected
    tree.merge([PropertyOp(9, "a", "tree", "live", b"2")])
    assert tree.merge([*ops, overlay]).added == 0
    assert picture_of(tree).properties["tree"]["live"] == 1
    tree.merge([PropertyOp(9, "p0001", "tree", "live", b"3")])
    assert picture_of(tree).properties["tree"]["live"] == 3


def test_labels_spread_while_a_batch_holds_moves() -> None:
    ops = [op for op in ops_of_inner_peers(120) if isinstance(op, MoveOp)]
    tree = RepTree("tree")
    with tree.batch() as batch:
        for op in ops:
            batch.add_moves(op.peer, [MoveRow(op.counter, op.target, op.parent)])
    assert picture_of(tree) == expected_picture("tree", ops)
