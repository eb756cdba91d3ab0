"""Ops as they travel over Socket.IO: `{"id": {"counter", "peerId"}, "targetId", ...}`.

Source: part 1 of the wire protocol. A deletion has no `value` key; `"value": null` is a real
null. Values stay JSON text on both ways, so that passing an op on neither decodes nor changes it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from sila_daemon.core import ids, json_value
from sila_daemon.core.errors import InvalidOpError, InvalidValueError
from sila_daemon.core.json_split import array_items, object_members
from sila_daemon.core.op_codec import SAFE_STARTS, Counter, Name, checked_op, is_plain_number
from sila_daemon.core.ops import MoveOp, Op, PropertyOp

_DIGITS_MAX = 400
"""Longer integers are beyond any double."""
_TOO_DEEP: Any = json.loads("[" * (json_value.DEPTH_MAX + 1) + "]" * (json_value.DEPTH_MAX + 1))
"""Stands for a value that goes deeper than any parser; it is refused for the same reason."""


class WireId(msgspec.Struct, frozen=True, gc=False):
    """An op id on the wire."""

    counter: Counter
    peerId: str


class WireOp(msgspec.Struct, omit_defaults=True, gc=False):
    """An op on the wire; a move has `parentId`, a property op has `key`."""

    id: WireId
    targetId: Name
    parentId: Name | UnsetType | None = UNSET
    key: Name | UnsetType = UNSET
    value: Raw | UnsetType = UNSET
    transient: bool | UnsetType = UNSET


class _WireMove(msgspec.Struct, gc=False):
    """What a move is encoded as."""

    id: WireId
    targetId: str
    parentId: str | None


class _WireProperty(msgspec.Struct, gc=False):
    """What a property op is encoded as."""

    id: WireId
    targetId: str
    key: str
    value: Raw | UnsetType
    transient: bool


def _to_wire(op: Op) -> _WireMove | _WireProperty:
    wire_id = WireId(op.counter, op.peer)
    if isinstance(op, MoveOp):
        return _WireMove(wire_id, op.target, op.parent)
    value = UNSET if op.value is None else Raw(op.value)
    return _WireProperty(wire_id, op.target, op.key, value, op.transient)


def encode_ops(ops: Iterable[Op]) -> bytes:
    """Encodes ops as one JSON array."""
    wire_ops = [_to_wire(op) for op in ops]
    try:
        return msgspec.json.encode(wire_ops)
    except UnicodeEncodeError:
        # A target, parent or key with a lone surrogate: rare, so each op is rendered by hand.
        return b"[" + b",".join(_encode_op(op) for op in wire_ops) + b"]"


def _encode_op(op: _WireMove | _WireProperty) -> bytes:
    members: list[tuple[str, bytes]] = [
        ("id", msgspec.json.encode(op.id)),
        ("targetId", json_value.encode(op.targetId)),
    ]
    if isinstance(op, _WireMove):
        members.append(("parentId", json_value.encode(op.parentId)))
    else:
        members.append(("key", json_value.encode(op.key)))
        if not isinstance(op.value, UnsetType):
            members.append(("value", bytes(op.value)))
        members.append(("transient", json_value.encode(op.transient)))
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), text) for name, text in members) + b"}"


_DECODE_OPS = msgspec.json.Decoder(list[WireOp]).decode


def decode_ops(text: bytes) -> tuple[list[Op], list[InvalidOpError]]:
    """Decodes a JSON array of ops; one that is refused does not refuse its neighbours.

    The error of a refused op has, where they could be read, its `counter` and `peer` in
    `op_id`. Raises InvalidOpError when `text` is not an array at all.
    """
    try:
        wire_ops = _DECODE_OPS(text)
        text.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _decode_one_by_one(text)
    ops = _from_usual(wire_ops)
    return _decode_one_by_one(text) if ops is None else (ops, [])


def _from_usual(wire_ops: list[WireOp]) -> list[Op] | None:
    """Makes ops of what the decoder let pass; None where one of them needs a closer look.

    It checked counters and the lengths of ids already. Peers, of which there are few, are checked
    once each, and values are looked into only where they are not plain scalars.
    """
    if not all(map(ids.is_path_id, {op.id.peerId for op in wire_ops})):
        return None
    ops: list[Op] = []
    for op in wire_ops:
        parent, key, raw = op.parentId, op.key, op.value
        if parent is not UNSET:
            ops.append(MoveOp(op.id.counter, op.id.peerId, op.targetId, parent))
            continue
        if key is UNSET:
            return None
        value = None if raw is UNSET else bytes(raw)
        if value is not None and value[0] not in SAFE_STARTS:
            if not _is_value(value):
                return None
            value = json_value.one_line(value)
        ops.append(
            PropertyOp(op.id.counter, op.id.peerId, op.targetId, key, value, op.transient is True)
        )
    return ops


def _is_value(text: bytes) -> bool:
    if is_plain_number(text):
        return True
    try:
        json_value.check_text(text)
    except InvalidValueError:
        return False
    return True


_DECODE_OP = msgspec.json.Decoder(WireOp).decode


def _decode_one_by_one(text: bytes) -> tuple[list[Op], list[InvalidOpError]]:
    """Cuts the array apart first: what is odd in one op neither refuses nor respells another."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise InvalidOpError(f"ops are not UTF-8: {error}") from None
    items = array_items(text)
    if items is None:
        raise InvalidOpError("ops are not a JSON array")
    ops: list[Op] = []
    refused: list[InvalidOpError] = []
    for item in items:
        try:
            ops.append(_decode_op(item))
        except InvalidOpError as error:
            refused.append(error)
    return ops, refused


def refused_items(text: bytes) -> list[tuple[bytes, InvalidOpError]]:
    """Returns the items of a JSON array that are no ops, each as it stands there, with the reason.

    Raises InvalidOpError when `text` is not an array at all.
    """
    items = array_items(text)
    if items is None:
        raise InvalidOpError("ops are not a JSON array")
    refused: list[tuple[bytes, InvalidOpError]] = []
    for item in items:
        try:
            _decode_op(item)
        except InvalidOpError as error:
            refused.append((item, error))
    return refused


def _decode_op(item: bytes) -> Op:
    try:
        wire_op = _DECODE_OP(item)
        item.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return from_json(_shallow(item))
    return _from_wire(wire_op)


def _loaded(text: bytes) -> Any:
    # Decoded here: `loads` would guess other encodings and let surrogates pass as bytes.
    return json.loads(text.decode(), parse_int=_integer)


def _shallow(item: bytes) -> Any:
    """Decodes an op with TOO_DEEP in place of members that no parser reads; None when not JSON."""
    try:
        return _loaded(item)
    except ValueError:
        return None
    except RecursionError:
        return {_shallow(key): _shallow_value(value) for key, value in object_members(item)}


def _shallow_value(value: bytes) -> Any:
    try:
        return _loaded(value)
    except (ValueError, RecursionError):
        return _TOO_DEEP


def _integer(digits: str) -> float:
    """Reads an integer; one that is too long for `int` must not refuse the whole batch."""
    return int(digits) if len(digits) <= _DIGITS_MAX else math.inf


def from_json(item: Any) -> Op:
    """Makes an op of decoded JSON. Raises InvalidOpError."""
    op_id = item.get("id") if isinstance(item, dict) else None
    if not isinstance(op_id, dict):
        raise InvalidOpError("an op without an id")
    counter, peer = op_id.get("counter"), op_id.get("peerId")
    target = item.get("targetId")
    try:
        if not isinstance(peer, str) or not isinstance(target, str):
            raise InvalidOpError("an op without a peer or a target", code="bad_id")
        if isinstance(counter, bool) or not isinstance(counter, int):
            raise InvalidOpError("a counter that is no integer", code="counter_out_of_range")
        if "parentId" in item:
            return checked_op(MoveOp(counter, peer, target, item["parentId"]))
        if not isinstance(item.get("key"), str):
            raise InvalidOpError("neither a move nor a property op")
        value = _encoded_value(item["value"]) if "value" in item else None
        transient = item.get("transient", False)
        if not isinstance(transient, bool):
            raise InvalidOpError("transient is not a boolean")
        return checked_op(PropertyOp(counter, peer, target, item["key"], value, transient))
    except InvalidOpError as error:
        raise _named(error, counter, peer) from None


def _encoded_value(value: Any) -> bytes:
    try:
        return json_value.encode(value)
    except InvalidValueError as error:
        raise InvalidOpError(error.message, code="value_not_json") from None


def _from_wire(op: WireOp) -> Op:
    counter, peer = op.id.counter, op.id.peerId
    try:
        if not isinstance(op.parentId, UnsetType):
            return checked_op(MoveOp(counter, peer, op.targetId, op.parentId))
        if isinstance(op.key, UnsetType):
            raise InvalidOpError("neither a move nor a property op")
        value = None if isinstance(op.value, UnsetType) else json_value.one_line(bytes(op.value))
        return checked_op(
            PropertyOp(counter, peer, op.targetId, op.key, value, op.transient is True)
        )
    except InvalidOpError as error:
        raise _named(error, counter, peer) from None


def _named(error: InvalidOpError, counter: object, peer: object) -> InvalidOpError:
    named = InvalidOpError(error.message, code=error.code)
    if ids.is_counter(counter) and isinstance(peer, str):
        named.op_id = (counter, peer)  # type: ignore[assignment]
    return named
