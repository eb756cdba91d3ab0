"""Ops as lines of JSONL: the only place that knows these bytes.

Source: the section "Folder" of the space format. Three kinds of lines, told apart by the file's
name: move lines `[counter, "target", "parent" | null]`, property lines
`[counter, "target", "key", value]`, and typed lines with "m" or "p" before the same columns.
Further columns are ignored. The peer is not in the line; it is in the file's name.

Decoding goes chunk by chunk: a chunk of well-formed lines is decoded in one call; only a chunk
that holds anything odd is taken apart line by line.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import msgspec
from msgspec import Meta, Raw

from sila_daemon.core import ids, json_value
from sila_daemon.core.errors import FormatError, InvalidOpError, InvalidValueError
from sila_daemon.core.ops import MoveOp, Op, PropertyOp

LINE_BYTES_MAX = 16 << 20
"""A longer line is reported and passed over, so that memory stays bounded."""

Counter = Annotated[int, Meta(ge=1, le=ids.COUNTER_MAX)]
Name = Annotated[str, Meta(min_length=1, max_length=ids.VERTEX_ID_LENGTH_MAX)]

if TYPE_CHECKING:
    _RawText = bytes | None
else:
    # Decoded without looking inside; `_sort_out` puts plain bytes in its place.
    _RawText = Raw


class LineKind(Enum):
    """What the lines of a file look like."""

    MOVES = "m"
    PROPERTIES = "p"
    TYPED = "typed"


class MoveRow(msgspec.Struct, array_like=True, gc=False):
    """A move line: an op without its peer."""

    counter: Counter
    target: Name
    parent: Name | None


class PropertyRow(msgspec.Struct, array_like=True, gc=False):
    """A property line: an op without its peer. `value` is JSON text, None deletes."""

    counter: Counter
    target: Name
    key: Name
    value: _RawText


class _TypedMove(MoveRow, array_like=True, gc=False, tag="m"):
    pass


class _TypedProperty(PropertyRow, array_like=True, gc=False, tag="p"):
    pass


@dataclass(slots=True)
class LineProblem:
    """A line that was not understood, or that was and is odd."""

    line: int
    """Counted from 0 within the chunk."""
    code: str
    message: str


@dataclass(slots=True)
class DecodedChunk:
    """The ops of a chunk of lines, in file order within each kind."""

    moves: list[MoveRow] = field(default_factory=list)
    properties: list[PropertyRow] = field(default_factory=list)
    problems: list[LineProblem] = field(default_factory=list)
    line_count: int = 0


Row = MoveRow | PropertyRow

_ROW_TYPES: dict[LineKind, Any] = {
    LineKind.MOVES: MoveRow,
    LineKind.PROPERTIES: PropertyRow,
    LineKind.TYPED: _TypedMove | _TypedProperty,
}
_DECODERS = {kind: msgspec.json.Decoder(row_type) for kind, row_type in _ROW_TYPES.items()}


def decode_chunk(kind: LineKind, chunk: bytes) -> DecodedChunk:
    """Decodes whole lines; never raises for what is in them.

    `chunk` ends with a newline or at the end of a file. Lines that are not understood are
    reported, and the rest is decoded.
    """
    has_open_line = bool(chunk) and not chunk.endswith(b"\n")
    decoded = DecodedChunk(line_count=chunk.count(b"\n") + has_open_line)
    body = chunk.rstrip(b"\r\n")
    if not body:
        return decoded
    separators = body.count(b"\n")
    try:
        rows = _DECODERS[kind].decode_lines(body)
        chunk.decode()  # msgspec passes over raw values without looking at their encoding.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        rows = []
    # One record on each line and nothing else: every newline stands between two arrays. Without
    # this, an array broken over two lines, or two arrays on one, would be taken for whole lines.
    if len(rows) == separators + 1 == body.count(b"]\n[") + 1:
        if kind is LineKind.MOVES:
            decoded.moves = rows
        else:
            _sort_out(rows, range(len(rows)), decoded)
    else:
        _decode_each_line(kind, body.split(b"\n"), decoded)
    return decoded


def _sort_out(rows: Sequence[Row], lines: Sequence[int], decoded: DecodedChunk) -> None:
    """Puts rows where they belong; checks the values that are not plain scalars."""
    properties = [row for row in rows if isinstance(row, PropertyRow)]
    if len(properties) < len(rows):
        decoded.moves += [row for row in rows if isinstance(row, MoveRow)]
    # Loops over columns: a loop over rows that does everything takes three times as long.
    values = [bytes(row.value) for row in properties]  # type: ignore[arg-type]
    for row, value in zip(properties, values, strict=True):
        row.value = value
    odd = [
        row for row, value in zip(properties, values, strict=True) if value[0] not in SAFE_STARTS
    ]
    if odd:
        line_by_row = {id(row): line for row, line in zip(rows, lines, strict=True)}
        bad = {
            id(row) for row in odd if not _is_value_fine(row.value, line_by_row[id(row)], decoded)
        }
        properties = [row for row in properties if id(row) not in bad]
    decoded.properties += properties


SAFE_STARTS = frozenset(b'"tfn')
"""What begins so is a scalar that is fine wherever it was decoded without a word."""

_PLAIN_DIGITS_MAX = 300
"""A double reaches further than that."""


def is_plain_number(value: bytes) -> bool:
    """Tells whether the text of a JSON value is digits only, and few enough for a double."""
    return value.isdigit() and len(value) <= _PLAIN_DIGITS_MAX


def _is_value_fine(value: bytes | None, line: int, decoded: DecodedChunk) -> bool:
    assert value is not None, "what comes from a line has a value"
    if is_plain_number(value):
        return True
    try:
        remark = json_value.check_text(value)
    except InvalidValueError as error:
        decoded.problems.append(LineProblem(line, error.code, error.message))
        return False
    if remark:
        decoded.problems.append(LineProblem(line, "duplicate_key", remark))
    return True


def _decode_each_line(kind: LineKind, lines: list[bytes], decoded: DecodedChunk) -> None:
    decode = _DECODERS[kind].decode
    for index, line in enumerate(lines):
        text = line.strip(b" \t\r")
        if not text:
            continue
        row: Row | None
        try:
            line.decode()
            row = decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            try:
                row = _decode_leniently(kind, text)
            except FormatError as error:
                decoded.problems.append(LineProblem(index, error.code, error.message))
                continue
        _sort_out([row], [index], decoded)


def _decode_leniently(kind: LineKind, text: bytes) -> Row:
    """Decodes a line that msgspec refuses, if JavaScript would read it. Raises FormatError."""
    try:
        columns = json.loads(text.decode(), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise FormatError(f"not UTF-8 at byte {error.start}", code="not_utf8") from None
    except RecursionError:
        raise InvalidValueError("nested too deep") from None
    except json.JSONDecodeError as error:
        # Its own text calls every line of a file "line 1".
        reason = f"{error.msg.removesuffix(' at')} at column {error.colno}"
        raise FormatError(f"not JSON: {reason}", code="bad_json") from None
    except ValueError as error:
        raise FormatError(f"not JSON: {error}", code="bad_json") from None
    if not isinstance(columns, list):
        raise FormatError("not a JSON array", code="bad_shape")
    if kind is LineKind.TYPED:
        if columns[:1] not in (["m"], ["p"]):
            raise FormatError('the first column is neither "m" nor "p"', code="bad_shape")
        kind = LineKind(columns[0])
        columns = columns[1:]
    if kind is LineKind.MOVES:
        _require(len(columns) >= 3, "a move line has three columns", "bad_shape")
        counter, target, parent = columns[:3]
        _require(parent is None or ids.is_vertex_id(parent), "bad parent id", "bad_id")
        return MoveRow(_checked_counter(counter), _checked_target(target), parent)
    _require(len(columns) >= 4, "a property line has four columns", "bad_shape")
    counter, target, key, value = columns[:4]
    _require(ids.is_vertex_id(key), "bad property key", "bad_id")
    encoded = json_value.encode(value)
    return PropertyRow(_checked_counter(counter), _checked_target(target), key, encoded)


def _checked_counter(counter: object) -> int:
    if isinstance(counter, float) and counter.is_integer():
        counter = int(counter)  # JavaScript has one kind of number.
    _require(
        ids.is_counter(counter),
        f"counter {ids.shortened(counter)} is not in 1..2^53-1",
        "counter_out_of_range",
    )
    assert isinstance(counter, int)
    return counter


def _checked_target(target: object) -> str:
    _require(ids.is_vertex_id(target), f"bad vertex id {ids.shortened(target)}", "bad_id")
    assert isinstance(target, str)
    return target


def _require(condition: bool, message: str, code: str) -> None:
    if not condition:
        raise FormatError(message, code=code)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in it")


def encode_lines(ops: Collection[Op], *, are_typed: bool) -> bytes:
    """Encodes persistent ops as lines, one after the other, each with its newline."""
    rows: list[tuple[Any, ...]] = []
    for op in ops:
        if isinstance(op, MoveOp):
            rows.append(("m", op.counter, op.target, op.parent))
        else:
            assert not op.transient, "transient ops are never written to a file"
            value = Raw(_written(op.value))
            rows.append(("p", op.counter, op.target, op.key, value))
    if not are_typed:
        rows = [row[1:] for row in rows]
    try:
        return _ENCODER.encode_lines(rows)
    except UnicodeEncodeError:
        # A lone surrogate in a target, parent or key: rare, and written as an escape.
        return b"".join(encode_typed_line(op) if are_typed else encode_line(op) for op in ops)


_ENCODER = msgspec.json.Encoder()


def encode_line(op: Op) -> bytes:
    """Encodes a persistent op as a move line or a property line, with its newline."""
    if isinstance(op, MoveOp):
        return b"[%d,%b,%b]\n" % (op.counter, _quoted(op.target), _quoted(op.parent))
    return b"[%d,%b]\n" % (op.counter, _property_columns(op))


def encode_typed_line(op: Op) -> bytes:
    """Encodes a persistent op as a typed line, with its newline."""
    if isinstance(op, MoveOp):
        return b'["m",%d,%b,%b]\n' % (op.counter, _quoted(op.target), _quoted(op.parent))
    return b'["p",%d,%b]\n' % (op.counter, _property_columns(op))


def _property_columns(op: PropertyOp) -> bytes:
    assert not op.transient, "transient ops are never written to a file"
    return b"%b,%b,%b" % (_quoted(op.target), _quoted(op.key), _written(op.value))


def _written(value: bytes | None) -> bytes:
    """Returns a value as it stands in a line: removal is an empty object there."""
    return b"{}" if value is None else json_value.one_line(value)


def _quoted(text: str | None) -> bytes:
    return json_value.encode(text)


def to_op(peer: str, row: Row) -> Op:
    """Makes an op of a row and the peer that its file is named after."""
    if isinstance(row, MoveRow):
        return MoveOp(row.counter, peer, row.target, row.parent)
    return PropertyOp(row.counter, peer, row.target, row.key, row.value)


def checked_op(op: Op) -> Op:
    """Checks an op that came by any other way than a file. Raises InvalidOpError."""
    for what, value, valid in (
        ("counter_out_of_range", op.counter, ids.is_counter(op.counter)),
        ("bad_id", op.peer, ids.is_path_id(op.peer)),
        ("bad_id", op.target, ids.is_vertex_id(op.target)),
    ):
        if not valid:
            raise InvalidOpError(f"bad op: {ids.shortened(value)}", code=what)
    if isinstance(op, MoveOp):
        if op.parent is not None and not ids.is_vertex_id(op.parent):
            raise InvalidOpError(f"bad parent id {ids.shortened(op.parent)}", code="bad_id")
    else:
        if not ids.is_vertex_id(op.key):
            raise InvalidOpError(f"bad property key {ids.shortened(op.key)}", code="bad_id")
        if op.value is not None:
            try:
                json_value.check_text(op.value)
            except InvalidValueError as error:
                raise InvalidOpError(error.message, code="value_not_json") from None
    return op
