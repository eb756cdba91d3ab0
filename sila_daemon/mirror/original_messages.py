"""What is said to an original server, in frames that it survives.

A frame above its 1 MB ends the connection without a reason, and something that is no op or no
vector ends its process. So everything is cut small, and is made of checked ops and vectors only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sila_daemon.core.state_vector import StateVector
from sila_daemon.core.wire import encode_ops

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sila_daemon.core.ops import Op

FRAME_BYTES_MAX = 1_000_000
"""The original's `maxPayload`, envelope included."""

BATCH_BYTES_MAX = 256 << 10
"""JSON of one batch, unless one op alone is larger."""

OP_BYTES_MAX = FRAME_BYTES_MAX - 1024
"""JSON of one op: beside it there is room for the names of event, namespace and tree."""

VECTOR_BYTES_MAX = 256 << 10
"""JSON of the vectors of one question."""

BARRIER = b'{"trees":{}}'
"""A question about nothing: its answer shows that what came before was taken."""

_PEER_BYTES = 140
_RANGE_BYTES = 36


def encoded(op: Op) -> bytes:
    """Returns the JSON of one op."""
    return encode_ops([op])[1:-1]


def encode_send(tree_id: str, ops: Iterable[bytes]) -> bytes:
    """Makes `ops:send` of encoded ops."""
    return b'{"treeId":%b,"ops":[%b]}' % (msgspec.json.encode(tree_id), b",".join(ops))


def encode_question(vectors: Mapping[str, StateVector | None]) -> bytes:
    """Makes `ops:state`; null asks for everything."""
    trees = {
        tree_id: None if vector is None else vector.to_json() for tree_id, vector in vectors.items()
    }
    return msgspec.json.encode({"trees": trees})


def claim(held: StateVector, lacking: Iterable[StateVector] = ()) -> StateVector | None:
    """Returns a vector that claims to lack what it names; None, which is everything, for nothing.

    Where it would be too long, ranges are left out, the shortest first: doubles arrive for them.
    """
    for vector in lacking:
        held = held.minus(vector)
    return _fitted(held) if held.peers else None


def estimated_bytes(vector: StateVector | None) -> int:
    """Returns how long the JSON of a vector is at most."""
    if vector is None:
        return 4
    ranges = sum(len(vector.ranges(peer)) for peer in vector.peers)
    return _PEER_BYTES * len(vector.peers) + _RANGE_BYTES * ranges


def _fitted(vector: StateVector) -> StateVector:
    if estimated_bytes(vector) <= VECTOR_BYTES_MAX:
        return vector
    ranges = [
        (last - first, peer, (first, last))
        for peer in vector.peers
        for first, last in vector.ranges(peer)
    ]
    ranges.sort(reverse=True)
    kept: dict[str, list[tuple[int, int]]] = {}
    size = 0
    for _, peer, span in ranges:
        size += _RANGE_BYTES + (0 if peer in kept else _PEER_BYTES)
        if size > VECTOR_BYTES_MAX:
            break
        kept.setdefault(peer, []).append(span)
    return StateVector(kept)


def questions(
    vectors: Mapping[str, StateVector | None],
) -> Sequence[dict[str, StateVector | None]]:
    """Parts vectors into questions that are small enough."""
    parts: list[dict[str, StateVector | None]] = []
    size = VECTOR_BYTES_MAX + 1
    for tree_id, vector in vectors.items():
        added = estimated_bytes(vector) + len(tree_id) + 8
        if size + added > VECTOR_BYTES_MAX and (not parts or parts[-1]):
            parts.append({})
            size = 0
        parts[-1][tree_id] = vector
        size += added
    return parts
