"""Questions about what a space holds: decoding them, and making the answers chunk by chunk."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from sila_daemon.core import ids
from sila_daemon.core.errors import FormatError, InvalidOpError
from sila_daemon.core.json_split import member
from sila_daemon.core.state_vector import Range, StateVector
from sila_daemon.server.json_text import dumps
from sila_daemon.server.limits.constants import HAVE_PART_BYTES
from sila_daemon.server.ops.op_store import Position, cursor_json
from sila_daemon.server.spaces.frames import Frame, event, ops_event

if TYPE_CHECKING:
    from sila_daemon.server.ops.op_queries import OpQueries
    from sila_daemon.server.spaces.hub import Hub

T = TypeVar("T")

_RANGES_IN_PART = HAVE_PART_BYTES // 40
"""A range is two numbers of at most 16 digits, brackets and commas."""


@dataclass(frozen=True, slots=True)
class Since:
    """Asks for everything after a cursor."""

    epoch: str
    position: Position


Asked = dict[str, StateVector | None]
"""What a client says it has, by tree; None asks for everything."""


class _SendPayload(msgspec.Struct):
    treeId: str
    ops: msgspec.Raw


_DECODE_SEND = msgspec.json.Decoder(_SendPayload).decode


def decode_send(payload: bytes | None) -> tuple[str, bytes]:
    """Returns tree id and the JSON array of ops. Raises FormatError."""
    if payload is None:
        raise InvalidOpError("ops:send without a payload")
    try:
        sent = _DECODE_SEND(payload)
        return ids.checked_tree_id(sent.treeId), bytes(sent.ops)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # Perhaps only one op is odd: its neighbours must not be refused with it.
    ops = member(payload, "ops")
    if ops is None:
        raise InvalidOpError("ops:send without a list of ops")
    return ids.checked_tree_id(_small(member(payload, "treeId"))), ops


def _small(text: bytes | None) -> object:
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None


def decode_state(payload: bytes | None) -> Since | Asked:
    """Decodes `ops:state`. Raises FormatError.

    A tree id that cannot exist and a vector that makes no sense count as "has nothing": the
    answer to them is more than needed, never less.
    """
    item = _object(payload)
    if "since" in item:
        return _since(item["since"])
    trees = item.get("trees")
    if not isinstance(trees, dict):
        raise FormatError("ops:state without trees", code="malformed_op")
    return {tree_id: _vector(vector) for tree_id, vector in trees.items()}


def decode_have(payload: bytes | None) -> list[str] | None:
    """Decodes `ops:have`: tree ids, or None for all. Raises FormatError."""
    trees = _object(payload).get("trees")
    if trees == "*":
        return None
    if isinstance(trees, list):
        return [ids.checked_tree_id(tree_id) for tree_id in trees]
    raise FormatError("ops:have without trees", code="malformed_op")


def _object(payload: bytes | None) -> dict[str, Any]:
    try:
        item = json.loads(payload or b"null")
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not JSON: {error}", code="malformed_op") from None
    if not isinstance(item, dict):
        raise FormatError("the payload must be an object", code="malformed_op")
    return item


def _since(cursor: object) -> Since:
    if isinstance(cursor, dict):
        epoch, seq, tag = cursor.get("epoch"), cursor.get("seq"), cursor.get("tag")
        if isinstance(epoch, str) and type(seq) is int and 0 <= seq < 2**63:
            try:
                return Since(epoch, Position(seq, bytes.fromhex(str(tag))))
            except ValueError:
                pass
    raise FormatError("not a cursor", code="malformed_op")


def _vector(vector: object) -> StateVector | None:
    if vector is None:
        return None
    try:
        return StateVector.from_json(vector)
    except FormatError:
        return None


async def trees(queries: OpQueries, asked: Asked) -> AsyncIterator[Frame]:
    """Answers `ops:state {"trees"}`: chunks in op order, tree by tree, then `ops:sync:done`."""
    for tree_id, held in asked.items():
        if ids.is_tree_id(tree_id):
            async for page in queries.missing(tree_id, held):
                yield ops_event("ops:sync", tree_id, page.text)
    yield event("ops:sync:done", {"treeIds": list(asked)})


async def holdings(hub: Hub, tree_ids: list[str] | None) -> AsyncIterator[Frame]:
    """Answers `ops:have`: parts of at most 256 KiB, then `done` with the cursor they cover.

    Ranges do not show that an id has a second content; such ids are told by themselves.
    """
    position = hub.head
    for tree_id in await hub.queries.tree_ids() if tree_ids is None else tree_ids:
        vector = await hub.queries.vector(tree_id)
        for peer in vector.peers:
            ranges = vector.ranges(peer)
            for start in range(0, len(ranges), _RANGES_IN_PART):
                yield _part(tree_id, peer, ranges=ranges[start : start + _RANGES_IN_PART])
        async for peer, counters in hub.queries.alternates(tree_id):
            yield _part(tree_id, peer, ranges=[], alternates=counters)
    cursor = cursor_json(hub.store.epoch, position)
    yield event("ops:have", {"done": True, "cursor": cursor})


def _part(tree_id: str, peer: str, **held: list[Range] | list[int]) -> Frame:
    payload = {"treeId": tree_id, "peer": peer, **held}
    return Frame(f'["ops:have",{dumps(payload)}]')
