"""Labels sort as peers do, however many come and in whatever order."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sila_daemon.core.ops import MoveOp
from sila_daemon.core.peer_order import PeerLabels, collation_key, translated
from tests.core.move_specification import op_order
from tests.properties.strategies import PEERS

pytestmark = pytest.mark.slow


def order_of_id(op_id: tuple[int, str]) -> object:
    """Returns the specification's key for an op id."""
    return op_order(MoveOp(op_id[0], op_id[1], "v", None))


@given(st.lists(st.lists(PEERS, max_size=6), max_size=60))
def test_stamps_sort_as_op_ids(groups: list[list[str]]) -> None:
    labels = PeerLabels()
    stamps: dict[tuple[int, str], int] = {}
    for number, group in enumerate(groups):
        renamed = labels.add(group)
        if renamed is not None:
            stamps = {op_id: translated(stamp, renamed) for op_id, stamp in stamps.items()}
        for peer in group:
            stamps[number % 3, peer] = labels.stamp(number % 3, peer)
    assert all(labels.counter_and_peer(stamp) == op_id for op_id, stamp in stamps.items())
    by_stamp = sorted(stamps, key=lambda op_id: stamps[op_id])
    assert by_stamp == sorted(
        stamps, key=lambda op_id: op_order(MoveOp(op_id[0], op_id[1], "v", None))
    )


@given(st.lists(PEERS, min_size=3, max_size=3, unique=True))
def test_the_order_is_total(peers: list[str]) -> None:
    a, b, c = sorted(peers, key=collation_key)
    assert collation_key(a) < collation_key(b) < collation_key(c)
    assert all(
        (collation_key(one) < collation_key(other)) != (collation_key(other) < collation_key(one))
        for one, other in itertools.permutations(peers, 2)
    )
