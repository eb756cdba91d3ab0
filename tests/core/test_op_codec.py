"""Lines of JSONL: the good ones at once, each odd one by itself."""

from __future__ import annotations

import pytest

from sila_daemon.core.errors import InvalidOpError
from sila_daemon.core.op_codec import (
    DecodedChunk,
    LineKind,
    MoveRow,
    PropertyRow,
    checked_op,
    decode_chunk,
    encode_line,
    encode_lines,
    encode_typed_line,
    to_op,
)
from sila_daemon.core.ops import MoveOp, Op, PropertyOp

MOVES, PROPERTIES, TYPED = LineKind.MOVES, LineKind.PROPERTIES, LineKind.TYPED
GOOD = b'[7,"v","k",1]'


def rows(kind: LineKind, *lines: bytes) -> list[MoveRow | PropertyRow]:
    """Decodes lines that must all be well."""
    decoded = decode_chunk(kind, b"\n".join(lines) + b"\n")
    assert decoded.problems == []
    # Rows of typed files are of subclasses, which never equal others.
    return [
        *(MoveRow(row.counter, row.target, row.parent) for row in decoded.moves),
        *(PropertyRow(row.counter, row.target, row.key, row.value) for row in decoded.properties),
    ]


def problems(decoded: DecodedChunk) -> list[tuple[int, str]]:
    """Says which lines had which problem."""
    return [(problem.line, problem.code) for problem in decoded.problems]


def test_move_lines() -> None:
    assert rows(MOVES, b'[1,"0",null]', b'[2,"a","0"]') == [
        MoveRow(1, "0", None),
        MoveRow(2, "a", "0"),
    ]


def test_property_lines_keep_the_text_of_their_values() -> None:
    lines = [b'[1,"v","k",1.0e2]', b'[2,"v","k",{}]', b'[3,"v","k",{"b":1, "a":2}]']
    assert rows(PROPERTIES, *lines) == [
        PropertyRow(1, "v", "k", b"1.0e2"),
        PropertyRow(2, "v", "k", b"{}"),
        PropertyRow(3, "v", "k", b'{"b":1, "a":2}'),
    ]


def test_typed_lines() -> None:
    assert rows(TYPED, b'["p",2,"v","k","x"]', b'["m",1,"v",null]') == [
        MoveRow(1, "v", None),
        PropertyRow(2, "v", "k", b'"x"'),
    ]


@pytest.mark.parametrize("kind", LineKind)
@pytest.mark.parametrize("chunk", [b"", b"\n", b"\r\n\r\n", b"\n\n\n"])
def test_a_chunk_without_ops(kind: LineKind, chunk: bytes) -> None:
    assert decode_chunk(kind, chunk) == DecodedChunk(line_count=chunk.count(b"\n"))


@pytest.mark.parametrize(
    ("chunk", "lines"),
    [
        (GOOD, 1),
        (GOOD + b"\n", 1),
        (GOOD + b"\n\n\n", 3),
        (GOOD + b"\r\n\r\n", 2),
        (b"\n" + GOOD + b"\n", 2),
        (GOOD + b"\n  \n" + GOOD, 3),
    ],
)
def test_lines_are_counted_with_the_blank_ones(chunk: bytes, lines: int) -> None:
    decoded = decode_chunk(PROPERTIES, chunk)
    assert decoded.line_count == lines
    assert len(decoded.properties) == chunk.count(b"7")
    assert decoded.problems == []


@pytest.mark.parametrize(
    ("kind", "line", "row"),
    [
        (MOVES, b'[1,"a","b"]\r', MoveRow(1, "a", "b")),
        (MOVES, b'  [1,"a","b"]\t', MoveRow(1, "a", "b")),
        (MOVES, b'[ 1 , "a" , null , "more" , {"x": []} ]', MoveRow(1, "a", None)),
        (MOVES, b'[1.0,"a","b"]', MoveRow(1, "a", "b")),
        (MOVES, b'[1e2,"a","b"]', MoveRow(100, "a", "b")),
        (MOVES, b'[9007199254740991,"a","b"]', MoveRow(2**53 - 1, "a", "b")),
        (MOVES, b'[1,"\\u0061","\\ud83d"]', MoveRow(1, "a", "\ud83d")),
        (MOVES, '[1,"a\u2028\u0085","é"]'.encode(), MoveRow(1, "a\u2028\u0085", "é")),
        (PROPERTIES, b'[1,"v","k", 5 ,6]', PropertyRow(1, "v", "k", b"5")),
        (PROPERTIES, b'[1,"v","k",null]', PropertyRow(1, "v", "k", b"null")),
        (PROPERTIES, b'[1,"v","k","cut \\ud83d"]', PropertyRow(1, "v", "k", b'"cut \\ud83d"')),
        (PROPERTIES, b'[1,"v","k\\udc00",2]', PropertyRow(1, "v", "k\udc00", b"2")),
        (PROPERTIES, b'[1,"v","k","\xe2\x80\xa8"]', PropertyRow(1, "v", "k", b'"\xe2\x80\xa8"')),
        (TYPED, b'["m",1.0,"v",null]', MoveRow(1, "v", None)),
        (TYPED, b'["p",1.0,"v","k",{"a":"\\ud83d"}]', PropertyRow(1, "v", "k", b'{"a":"\\ud83d"}')),
    ],
)  # fmt: skip
def test_odd_lines_that_the_original_reads(
    kind: LineKind, line: bytes, row: MoveRow | PropertyRow
) -> None:
    assert rows(kind, line) == [row]
    neighbour = {MOVES: b'[9,"n",null]', TYPED: b'["m",9,"n",null]'}.get(kind, b'[9,"n","k",1]')
    assert row in rows(kind, neighbour, line, neighbour)


DEEP = b"[" * 65 + b"]" * 65
DEEPER = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("kind", "line", "code"),
    [
        (PROPERTIES, b'"a string"', "bad_shape"),
        (PROPERTIES, b"{}", "bad_shape"),
        (PROPERTIES, b"5", "bad_shape"),
        (PROPERTIES, b"[]", "bad_shape"),
        (PROPERTIES, b'[1,"v","k"]', "bad_shape"),
        (MOVES, b'[1,"v"]', "bad_shape"),
        (TYPED, b'["x",1,"v",null]', "bad_shape"),
        (TYPED, b'[1,"v",null]', "bad_shape"),
        (TYPED, b"[]", "bad_shape"),
        (TYPED, b'["m",1,"v"]', "bad_shape"),
        (PROPERTIES, b"nonsense", "bad_json"),
        (PROPERTIES, b'[1,"v","k",1', "bad_json"),
        (PROPERTIES, b'[1,"v","k","un"quoted"]', "bad_json"),
        (PROPERTIES, b'[1,"v","k","\t"]', "bad_json"),
        (PROPERTIES, b'[1,"v","k",NaN]', "bad_json"),
        (PROPERTIES, b'[1,"v","k",-Infinity]', "bad_json"),
        (PROPERTIES, b'[1,"v","k",01]', "bad_json"),
        (PROPERTIES, b'\xef\xbb\xbf[1,"v","k",1]', "bad_json"),
        (PROPERTIES, GOOD + GOOD, "bad_json"),
        (PROPERTIES, GOOD + b" " + GOOD, "bad_json"),
        (PROPERTIES, b'[1,"v","k","\xff"]', "not_utf8"),
        (MOVES, b'[1,"\xed\xa0\xbd",null]', "not_utf8"),
        (MOVES, b'[0,"v",null]', "counter_out_of_range"),
        (MOVES, b'[-1,"v",null]', "counter_out_of_range"),
        (MOVES, b'[1.5,"v",null]', "counter_out_of_range"),
        (MOVES, b'[9007199254740992,"v",null]', "counter_out_of_range"),
        (MOVES, b'[1e300,"v",null]', "counter_out_of_range"),
        (MOVES, b'[true,"v",null]', "counter_out_of_range"),
        (MOVES, b'["1","v",null]', "counter_out_of_range"),
        (MOVES, b'[null,"v",null]', "counter_out_of_range"),
        (MOVES, b'[1,"",null]', "bad_id"),
        (MOVES, b'[1,5,null]', "bad_id"),
        (MOVES, b'[1,"v",""]', "bad_id"),
        (MOVES, b'[1,"v",0]', "bad_id"),
        (MOVES, b'[1,"' + b"v" * 257 + b'",null]', "bad_id"),
        (PROPERTIES, b'[1,"v","",1]', "bad_id"),
        (PROPERTIES, b'[1,"v",null,1]', "bad_id"),
        (PROPERTIES, b'[1,"v","k",1e999]', "value_not_json"),
        (PROPERTIES, b'[1,"v","k",[{"a":-1e999}]]', "value_not_json"),
        (PROPERTIES, b'[1,"v","k",' + b"9" * 400 + b"]", "value_not_json"),
        (PROPERTIES, b'[1.0,"v","k",1e999]', "value_not_json"),
        (PROPERTIES, b'[1,"v","k",' + DEEP + b"]", "value_not_json"),
        (PROPERTIES, b'[1,"v","k",' + DEEPER + b"]", "value_not_json"),
    ],
)  # fmt: skip
def test_lines_that_are_not_understood_are_named_and_their_neighbours_kept(
    kind: LineKind, line: bytes, code: str
) -> None:
    assert problems(decode_chunk(kind, line)) == [(0, code)]
    neighbour = {MOVES: b'[9,"n",null]', TYPED: b'["m",9,"n",null]'}.get(kind, b'[9,"n","k",1]')
    decoded = decode_chunk(kind, b"\n".join([neighbour, line, neighbour]))
    assert problems(decoded) == [(1, code)]
    assert len(decoded.moves) + len(decoded.properties) == 2
    assert decoded.line_count == 3


def test_an_array_over_two_lines_is_two_bad_lines() -> None:
    decoded = decode_chunk(PROPERTIES, b'[1,"v"\n,"k",1]\n' + GOOD)
    assert problems(decoded) == [(0, "bad_json"), (1, "bad_json")]
    assert [row.counter for row in decoded.properties] == [7]


def test_two_arrays_on_a_line_do_not_make_up_for_one_over_two_lines() -> None:
    # As many arrays as lines: only looking at where the newlines stand tells the difference.
    decoded = decode_chunk(PROPERTIES, b'[1,"v"\n,"k",1]' + GOOD + b"\n")
    assert problems(decoded) == [(0, "bad_json"), (1, "bad_json")]
    assert decoded.properties == []


def test_a_newline_inside_a_string_does_not_join_lines() -> None:
    decoded = decode_chunk(PROPERTIES, b'[1,"v","k","x]\n[y"][2,"v","k",1]\n')
    assert problems(decoded) == [(0, "bad_json"), (1, "bad_json")]


def test_a_key_twice_in_an_object_is_remarked_and_the_op_kept() -> None:
    decoded = decode_chunk(PROPERTIES, b'[1,"v","k",[{"a":1,"b":2,"b":3}]]\n' + GOOD)
    assert problems(decoded) == [(0, "duplicate_key")]
    assert "'b'" in decoded.problems[0].message
    assert [row.counter for row in decoded.properties] == [1, 7]


def test_deep_is_well_up_to_the_limit() -> None:
    value = b"[" * 64 + b"]" * 64
    assert rows(PROPERTIES, b'[1,"v","k",%b]' % value) == [PropertyRow(1, "v", "k", value)]


OPS: list[tuple[Op, bytes, bytes]] = [
    (MoveOp(1, "p", "a", None), b'[1,"a",null]\n', b'["m",1,"a",null]\n'),
    (
        MoveOp(2, "p", 'a"\n', "\ud83d"),
        b'[2,"a\\"\\n","\\ud83d"]\n',
        b'["m",2,"a\\"\\n","\\ud83d"]\n',
    ),
    (PropertyOp(3, "p", "a", "k", b"1.0"), b'[3,"a","k",1.0]\n', b'["p",3,"a","k",1.0]\n'),
    (PropertyOp(4, "p", "a", "k", None), b'[4,"a","k",{}]\n', b'["p",4,"a","k",{}]\n'),
    (
        PropertyOp(5, "p", "a", "\x01", b"[]"),
        b'[5,"a","\\u0001",[]]\n',
        b'["p",5,"a","\\u0001",[]]\n',
    ),
    # Nobody lets such a value in any more; stores may hold some.
    (
        PropertyOp(6, "p", "a", "k", b'{"a":\n"b\\n",\r\n"c":1}'),
        b'[6,"a","k",{"a": "b\\n",  "c":1}]\n',
        b'["p",6,"a","k",{"a": "b\\n",  "c":1}]\n',
    ),
]


@pytest.mark.parametrize(("op", "line", "typed"), OPS)
def test_ops_are_written_as_lines(op: Op, line: bytes, typed: bytes) -> None:
    assert encode_line(op) == line
    assert encode_typed_line(op) == typed
    assert encode_lines([op], are_typed=False) == line
    assert encode_lines([op, op], are_typed=True) == typed * 2


def test_transient_ops_are_never_written() -> None:
    with pytest.raises(AssertionError):
        encode_line(PropertyOp(1, "p", "a", "k", b"1", transient=True))


def test_a_row_and_its_peer_make_an_op() -> None:
    assert to_op("p", MoveRow(1, "a", None)) == MoveOp(1, "p", "a", None)
    assert to_op("p", PropertyRow(1, "a", "k", b"1")) == PropertyOp(1, "p", "a", "k", b"1")


@pytest.mark.parametrize(
    ("op", "code"),
    [
        (MoveOp(0, "p", "a", None), "counter_out_of_range"),
        (MoveOp(1, "p/../q", "a", None), "bad_id"),
        (MoveOp(1, "", "a", None), "bad_id"),
        (MoveOp(1, "p", "", None), "bad_id"),
        (MoveOp(1, "p", "a", "x" * 257), "bad_id"),
        (PropertyOp(1, "p", "a", "", b"1"), "bad_id"),
        (PropertyOp(1, "p", "a", "k", b"NaN"), "value_not_json"),
        (PropertyOp(1, "p", "a", "k", b"1e999"), "value_not_json"),
    ],
)
def test_ops_from_elsewhere_are_checked(op: Op, code: str) -> None:
    with pytest.raises(InvalidOpError) as raised:
        checked_op(op)
    assert raised.value.code == code


def test_good_ops_from_elsewhere_pass() -> None:
    for op, _, _ in OPS:
        assert checked_op(op) is op


def test_what_is_not_json_is_told_with_its_column() -> None:
    decoded = decode_chunk(LineKind.MOVES, b'[1,"a",null]\n[2,"a",x]\n[3,"a\n[4,"a",NaN]\n')
    assert [(problem.line, problem.message) for problem in decoded.problems] == [
        (1, "not JSON: Expecting value at column 8"),
        (2, "not JSON: Unterminated string starting at column 4"),
        (3, "not JSON: NaN is no number in it"),
    ]
