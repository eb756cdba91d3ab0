"""When two ops say the same."""

from __future__ import annotations

import pytest

from sila_daemon.core.ops import MoveOp, Op, OpId, PropertyOp, content_bytes
from sila_daemon.core.tree_batch import winning_contents


def put(text: bytes | None, key: str = "k") -> PropertyOp:
    """A property op that always has the same id."""
    return PropertyOp(1, "p", "v", key, text)


def test_ops_have_ids() -> None:
    assert put(b"1").id == MoveOp(1, "p", "v", None).id == OpId(1, "p")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (put(None), put(b"{}")),
        (put(b"[ ]"), put(b"{}")),
        (put(b"1"), put(b"1.0e0")),
        (put(b"-0"), put(b"0")),
        (put(b"9007199254740993"), put(b"9007199254740992")),
        (put(b'{"a":1,"b":2}'), put(b'{ "b":2.0, "a":1 }')),
        (put(b'"\\u0061"'), put(b'"a"')),
    ],
)
def test_contents_that_are_the_same(one: Op, other: Op) -> None:
    assert content_bytes(one) == content_bytes(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (put(None), put(b"null")),
        (put(b"1"), put(b'"1"')),
        (put(b"1"), put(b"1", "other")),
        (put(b"[[]]"), put(b"[]")),
        (put(b"true"), MoveOp(1, "p", "v", "k")),
        (MoveOp(1, "p", "v", None), MoveOp(1, "p", "v", "null")),
        (put(b'"\\ud83d"'), put(b'"\\ud83e"')),
    ],
)
def test_contents_that_differ(one: Op, other: Op) -> None:
    assert content_bytes(one) != content_bytes(other)


def test_contents_are_lists_of_json() -> None:
    assert content_bytes(put(b"1.0")) == b'["p","v","k",1]'
    assert content_bytes(put(None)) == b'["p","v","k"]'
    assert content_bytes(MoveOp(1, "p", "v", None)) == b'["m","v",null]'


def test_the_deepest_value_has_a_content() -> None:
    value = b"[" * 64 + b"1" + b"]" * 64
    assert content_bytes(put(value)) == b'["p","v","k",' + value + b"]"


def test_the_greater_content_of_an_id_wins_in_any_order() -> None:
    rivals: list[Op] = [put(b"1"), put(b'"z"'), put(None), MoveOp(1, "p", "v", "x")]
    other = PropertyOp(2, "p", "v", "k", b"1")
    winner = max(rivals, key=content_bytes)
    for ops in (rivals, rivals[::-1]):
        assert winning_contents([*ops, other]) == {winner.id: winner, other.id: other}
