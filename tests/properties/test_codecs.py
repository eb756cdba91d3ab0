"""What is written is read back: lines, typed lines, wire, values."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sila_daemon.core import json_value, op_codec, wire, wire_json
from sila_daemon.core.op_codec import DecodedChunk, LineKind, Row
from sila_daemon.core.ops import MoveOp, Op, PropertyOp, content_bytes
from tests.properties.strategies import TEXT, VALUES, moves, property_ops

pytestmark = pytest.mark.slow

MOVES = st.lists(moves(), min_size=1, max_size=5)
PROPERTIES = st.lists(property_ops(), min_size=1, max_size=5)
MIXED = st.lists(st.one_of(moves(), property_ops()), min_size=1, max_size=6)
WIRE = st.lists(st.one_of(moves(), property_ops(may_be_transient=True)), max_size=6)


def read(kind: LineKind, text: bytes) -> list[Op]:
    """Reads lines as if all ops were of peer `p`."""
    decoded = op_codec.decode_chunk(kind, text)
    assert decoded.problems == []
    assert decoded.line_count == text.count(b"\n")
    return ops_of(decoded)


def ops_of(decoded: DecodedChunk) -> list[Op]:
    """Makes ops of what was decoded."""
    rows: list[Row] = [*decoded.moves, *decoded.properties]
    return [op_codec.to_op("p", row) for row in rows]


def meanings(ops: list[Op]) -> list[tuple[int, bytes]]:
    """What ops say, moves first, without their peers."""
    ordered = sorted(ops, key=lambda op: isinstance(op, PropertyOp))
    return [(op.counter, content_bytes(op)) for op in ordered]


@given(st.one_of(MOVES, PROPERTIES))
def test_lines(ops: list[Op]) -> None:
    kind = LineKind.MOVES if isinstance(ops[0], MoveOp) else LineKind.PROPERTIES
    text = b"".join(map(op_codec.encode_line, ops))
    assert text.count(b"\n") == len(ops)
    assert meanings(read(kind, text)) == meanings(ops)
    assert meanings(read(kind, text.replace(b"\n", b"\r\n"))) == meanings(ops)


@given(MIXED)
def test_typed_lines(ops: list[Op]) -> None:
    text = b"".join(map(op_codec.encode_typed_line, ops))
    assert text.count(b"\n") == len(ops)
    assert meanings(read(LineKind.TYPED, text)) == meanings(ops)


@given(PROPERTIES)
def test_values_keep_their_text_through_a_file(ops: list[Op]) -> None:
    read_back = read(LineKind.PROPERTIES, b"".join(map(op_codec.encode_line, ops)))
    for op, again in zip(ops, read_back, strict=True):
        assert isinstance(op, PropertyOp)
        assert isinstance(again, PropertyOp)
        assert again.value == (b"{}" if op.value is None else op.value)


@given(MIXED, st.integers(0, 10_000))
def test_a_line_cut_anywhere_costs_only_itself(ops: list[Op], cut: int) -> None:
    lines = list(map(op_codec.encode_typed_line, ops))
    torn = lines[-1][: cut % len(lines[-1])]
    decoded = op_codec.decode_chunk(LineKind.TYPED, b"".join(lines[:-1]) + torn)
    whole = [*decoded.moves, *decoded.properties]
    # Only the newline missing leaves a whole op; nothing at all leaves nothing to report.
    kept = len(lines) if torn == lines[-1][:-1] else len(lines) - 1
    assert len(whole) == kept
    assert len(decoded.problems) == (kept < len(lines) and bool(torn))


@given(WIRE)
def test_wire(ops: list[Op]) -> None:
    text = wire.encode_ops(ops)
    assert wire.decode_ops(text) == (ops, [])
    assert [wire.from_json(item).id for item in json.loads(text)] == [op.id for op in ops]


@given(WIRE)
def test_ops_pass_through_a_packet_unchanged(ops: list[Op]) -> None:
    packet = wire_json.dumps(["ops:send", {"ops": msgspec.Raw(wire.encode_ops(ops))}])
    name, argument = wire_json.loads(packet)
    assert name == "ops:send"
    assert bytes(argument) == b'{"ops":' + wire.encode_ops(ops) + b"}"


def as_doubles(value: Any) -> Any:
    """The value as JavaScript has it: every number a double, no negative zero."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return float(value) + 0.0
    if isinstance(value, list):
        return list(map(as_doubles, value))
    return {key: as_doubles(item) for key, item in value.items()}


@given(VALUES)
def test_values(value: Any) -> None:
    for text in (json_value.encode(value), json_value.canonical(value)):
        assert json_value.check_text(text) is None
        assert as_doubles(json_value.decode(text)) == as_doubles(value)
        assert as_doubles(json.loads(text)) == as_doubles(value)
        assert b"\n" not in text
        text.decode()


@given(VALUES)
def test_canonical_text_does_not_depend_on_the_spelling(value: Any) -> None:
    text = json_value.canonical(value)
    assert json_value.canonical(json_value.decode(text)) == text
    assert json_value.canonical(json.loads(json.dumps(value, indent=1))) == text
    assert json_value.canonical(as_doubles(value)) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_shortest_and_exact(number: float) -> None:
    text = json_value.canonical(number).decode()
    assert float(text) == number
    assert math.copysign(1, float(text)) == 1 or number != 0
    assert len(text.lstrip("-").replace(".", "").strip("0").split("e")[0]) <= 17


@given(TEXT)
def test_what_is_shown_can_be_encoded(text: str) -> None:
    shown = json_value.displayable(text)
    shown.encode()
    assert len(shown) == len(text)


@given(st.binary(max_size=60), st.sampled_from(LineKind))
@example(b"\r", LineKind.MOVES)
def test_no_bytes_break_the_reader(chunk: bytes, kind: LineKind) -> None:
    decoded = op_codec.decode_chunk(kind, chunk)
    assert decoded.line_count == chunk.count(b"\n") + (not chunk.endswith(b"\n") and bool(chunk))
    for op in ops_of(decoded):
        op_codec.checked_op(op)


@given(st.sampled_from(LineKind), st.lists(VALUES, max_size=5))
def test_no_columns_break_the_reader(kind: LineKind, columns: list[Any]) -> None:
    decoded = op_codec.decode_chunk(kind, json_value.encode(columns) + b"\n")
    assert len(decoded.moves) + len(decoded.properties) + len(decoded.problems) == 1
    for op in ops_of(decoded):
        op_codec.checked_op(op)


@given(st.lists(VALUES, max_size=4))
def test_no_items_break_the_wire(items: list[Any]) -> None:
    ops, refused = wire.decode_ops(json_value.encode(items))
    assert len(ops) + len(refused) == len(items)
