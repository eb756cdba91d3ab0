"""Ops over Socket.IO: nothing changes on the way, and each bad op is refused by itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sila_daemon.core import wire
from sila_daemon.core.errors import InvalidOpError
from sila_daemon.core.ops import MoveOp, Op, PropertyOp

GOOD = b'{"id":{"counter":9,"peerId":"n"},"targetId":"v","key":"k","value":1}'


def text_of(**members: Any) -> dict[str, Any]:
    """An op as decoded JSON, with members replaced; None takes one away."""
    op = {"id": {"counter": 1, "peerId": "p"}, "targetId": "v", "key": "k", "value": 1} | members
    return {name: value for name, value in op.items() if value is not ...}


def test_ops_are_encoded_as_the_original_does() -> None:
    ops: list[Op] = [
        MoveOp(1, "p", "v", None),
        MoveOp(2, "p", "v", "w"),
        PropertyOp(3, "p", "v", "k", b"1.0"),
        PropertyOp(4, "p", "v", "k", None),
        PropertyOp(5, "p", "v", "k", b"null", transient=True),
    ]
    encoded = wire.encode_ops(ops)
    assert json.loads(encoded) == [
        {"id": {"counter": 1, "peerId": "p"}, "targetId": "v", "parentId": None},
        {"id": {"counter": 2, "peerId": "p"}, "targetId": "v", "parentId": "w"},
        text_of(id={"counter": 3, "peerId": "p"}, transient=False),
        text_of(id={"counter": 4, "peerId": "p"}, transient=False, value=...),
        text_of(id={"counter": 5, "peerId": "p"}, transient=True, value=None),
    ]
    assert b'"value":1.0' in encoded
    assert wire.decode_ops(encoded) == (ops, [])


def test_lone_surrogates_in_names_and_values() -> None:
    ops: list[Op] = [
        MoveOp(1, "p", "v\ud83d", "w\udc00"),
        PropertyOp(2, "p", "v\ud83d", 'k"\ud83d', b'"\\ud83d"'),
        PropertyOp(3, "p", "v", "k\ud83d", None, transient=True),
        PropertyOp(4, "p", "v", "k", b'["x\\ud83d"]'),
    ]
    encoded = wire.encode_ops(ops)
    encoded.decode()
    assert wire.decode_ops(encoded) == (ops, [])


BAD: list[tuple[Any, str]] = [
    (None, "malformed_op"),
    ("op", "malformed_op"),
    (5, "malformed_op"),
    ([], "malformed_op"),
    ({}, "malformed_op"),
    (text_of(id=...), "malformed_op"),
    (text_of(id="1@p"), "malformed_op"),
    (text_of(id={"counter": 1}), "bad_id"),
    (text_of(id={"counter": 1, "peerId": 5}), "bad_id"),
    (text_of(id={"counter": 1, "peerId": "../x"}), "bad_id"),
    (text_of(targetId=...), "bad_id"),
    (text_of(targetId=""), "bad_id"),
    (text_of(targetId=None), "bad_id"),
    (text_of(parentId=5), "bad_id"),
    (text_of(parentId=""), "bad_id"),
    (text_of(id={"counter": 0, "peerId": "p"}), "counter_out_of_range"),
    (text_of(id={"counter": 2**53, "peerId": "p"}), "counter_out_of_range"),
    (text_of(id={"counter": True, "peerId": "p"}), "counter_out_of_range"),
    (text_of(id={"counter": "1", "peerId": "p"}), "counter_out_of_range"),
    (text_of(id={"counter": 1.5, "peerId": "p"}), "counter_out_of_range"),
    (text_of(id={"counter": 10**400, "peerId": "p"}), "counter_out_of_range"),
    (text_of(key=...), "malformed_op"),
    (text_of(key=5), "malformed_op"),
    (text_of(key=""), "bad_id"),
    (text_of(transient="yes"), "malformed_op"),
    (text_of(value=float("nan")), "value_not_json"),
    (text_of(value=10**400), "value_not_json"),
]  # fmt: skip


@pytest.mark.parametrize(("item", "code"), BAD, ids=range(len(BAD)))
def test_a_bad_op_is_refused_and_its_neighbours_are_not(item: Any, code: str) -> None:
    text = b"[" + GOOD + b"," + json.dumps(item).encode() + b"," + GOOD + b"]"
    ops, refused = wire.decode_ops(text)
    assert ops == [PropertyOp(9, "n", "v", "k", b"1")] * 2
    assert [error.code for error in refused] == [code]


@pytest.mark.parametrize("value", [b"1e999", b"[" * 65 + b"]" * 65, b"9" * 5000])
@pytest.mark.parametrize("neighbour", [b"null", b'{"id":5}'])
def test_a_bad_value_is_refused_by_itself_on_both_ways(value: bytes, neighbour: bytes) -> None:
    bad = GOOD.replace(b'"value":1', b'"value":' + value)
    ops, refused = wire.decode_ops(b"[%b,%b]" % (GOOD, bad))
    assert len(ops) == 1
    assert [(error.code, error.op_id) for error in refused] == [("value_not_json", (9, "n"))]
    ops, refused = wire.decode_ops(b"[%b,%b,%b]" % (neighbour, GOOD, bad))
    assert len(ops) == 1
    assert [error.code for error in refused] == ["malformed_op", "value_not_json"]


@pytest.mark.parametrize("neighbour", [GOOD, b'{"id":5}'])
def test_a_value_over_many_lines_comes_as_one_line(neighbour: bytes) -> None:
    spread = GOOD.replace(b'"value":1', b'"value":\n{"a":\r\n[1,\n"\\n"]}\n')
    ops, _ = wire.decode_ops(b"[%b,\n%b]" % (neighbour, spread))
    assert ops[-1] == PropertyOp(9, "n", "v", "k", b'{"a":  [1, "\\n"]}')


@pytest.mark.parametrize("depth", [900, 3_000, 200_000])
def test_a_value_deeper_than_any_parser_is_refused_by_itself(depth: int) -> None:
    value = b"[" * depth + b"]" * depth
    deep = GOOD.replace(b'"value":1', b'"a\\ud83d":"\\ud83d", "value" : ' + value)
    odd = GOOD.replace(b'"id":{', b'"id":[%b],"x":{' % value)
    ops, refused = wire.decode_ops(b" [%b,%b , %b,null,%b]\n" % (GOOD, deep, GOOD, odd))
    assert ops == [PropertyOp(9, "n", "v", "k", b"1")] * 2
    assert [(error.code, error.op_id) for error in refused] == [
        ("value_not_json", (9, "n")),
        ("malformed_op", None),
        ("malformed_op", None),
    ]
    assert "nested deeper" in refused[0].message


def test_a_refused_op_is_named_where_its_id_can_be_read() -> None:
    _, refused = wire.decode_ops(json.dumps([text_of(targetId=""), text_of(id={})]).encode())
    assert [error.op_id for error in refused] == [(1, "p"), None]


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"5", b"[", b"nope", b"[" * 100_000, b'["\xff"]', b'["\xed\xa0\xbd"]', b"[\x00"],
    ids=range(9),
)
def test_what_is_not_an_array_is_refused_whole(text: bytes) -> None:
    with pytest.raises(InvalidOpError):
        wire.decode_ops(text)


def test_an_op_with_both_a_parent_and_a_key_is_a_move() -> None:
    assert wire.from_json(text_of(parentId="w")) == MoveOp(1, "p", "v", "w")
    text = b"[" + GOOD.replace(b'"key"', b'"parentId":null,"key"') + b"]"
    assert wire.decode_ops(text) == ([MoveOp(9, "n", "v", None)], [])


def test_values_keep_their_spelling() -> None:
    text = GOOD.replace(b"1}", b' {"b": 1.0e2, "a": "\\u0061"} }')
    ops, _ = wire.decode_ops(b"[" + text + b"]")
    assert ops == [PropertyOp(9, "n", "v", "k", b'{"b": 1.0e2, "a": "\\u0061"}')]
