"""What Hypothesis draws: text with every trap in it, values, ops."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from sila_daemon.core import json_value
from sila_daemon.core.ops import MoveOp, Op, PropertyOp

# Lone surrogates, separators of lines and control characters among the rest.
TEXT = st.text(
    st.one_of(
        st.characters(exclude_categories=[]),
        st.sampled_from('\ud83d\udc00\u2028\u2029\x85\x00\x1f\x7f\r\n\t"\\/\ufeff\U0001f600'),
    ),
    max_size=20,
)
NAMES = TEXT.filter(bool)
PEERS = st.text("abAB01_-", min_size=1, max_size=4)
COUNTERS = st.one_of(st.integers(1, 9), st.integers(1, 2**53 - 1))
NUMBERS = st.one_of(
    st.integers(-(2**53) + 1, 2**53 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXT)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=12,
)


@st.composite
def moves(draw: st.DrawFn) -> Op:
    """A move with any names."""
    parent = draw(st.one_of(st.none(), NAMES))
    return MoveOp(draw(COUNTERS), draw(PEERS), draw(NAMES), parent)


@st.composite
def property_ops(draw: st.DrawFn, *, may_be_transient: bool = False) -> Op:
    """A property op with any names and any value."""
    text = draw(st.one_of(st.none(), VALUES.map(json_value.encode)))
    transient = may_be_transient and draw(st.booleans())
    return PropertyOp(draw(COUNTERS), draw(PEERS), draw(NAMES), draw(NAMES), text, transient)


def small_ops() -> st.SearchStrategy[list[Op]]:
    """A few ops with distinct ids on a few vertices, so that they get in each other's way."""
    vertices = st.sampled_from(["a", "b", "c", "d", "0", "tree"])
    ids = st.tuples(st.integers(1, 8), st.sampled_from(["a", "A", "b", "_", "a-", "a1"]))
    move = st.tuples(ids, vertices, st.one_of(st.none(), vertices))
    texts = st.sampled_from([None, b"{}", b"1", b"2", b'"2026-01-01T00:00:00.000Z"'])
    put = st.tuples(ids, vertices, st.sampled_from(["_c", "k"]), texts)

    def build(drawn: tuple[list[Any], list[Any]]) -> list[Op]:
        found: dict[tuple[int, str], Op] = {}
        for (counter, peer), target, parent in drawn[0]:
            found.setdefault((counter, peer), MoveOp(counter, peer, target, parent))
        for (counter, peer), target, key, text in drawn[1]:
            op = PropertyOp(counter, peer, target, key, text)
            found.setdefault(op.id, op)
        return list(found.values())

    return st.tuples(st.lists(move, max_size=20), st.lists(put, max_size=8)).map(build)
