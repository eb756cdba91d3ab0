"""The messages of the sync protocol as a client meets them: decoding, checking, encoding.

What a server sends is untrusted: anything that is not as promised is a FormatError.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Raw

from sila_daemon.core import ids
from sila_daemon.core.errors import FormatError, InvalidIdError
from sila_daemon.core.json_split import array_items, member
from sila_daemon.core.wire import decode_ops, encode_ops, refused_items
from sila_daemon.store.quarantine import NoOp
from sila_daemon.store.servers import Cursor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sila_daemon.core.ops import Op
    from sila_daemon.core.state_vector import StateVector

T = TypeVar("T")

_TREE_ID_SHOWN_MAX = 200
"""Of what stands in the place of a tree's id, and is none, so much is kept."""


class Limits(msgspec.Struct):
    """What a server takes."""

    frameBytes: int = 1_000_000
    batchOps: int = 10_000
    opBytes: int = 1_000_000
    credit: int = 4


class WireCursor(msgspec.Struct):
    """A place in the server's history."""

    epoch: str
    seq: int
    tag: str

    def to_cursor(self) -> Cursor:
        """Returns the form that the store keeps."""
        return Cursor(self.epoch, self.seq, self.tag)


class Ready(msgspec.Struct):
    """The server's greeting; one of the original has only `spaceId`."""

    spaceId: str
    protocol: int = 1
    serverId: str = ""
    epoch: str = ""
    cursor: WireCursor | None = None
    role: str = ""
    limits: Limits = msgspec.field(default_factory=Limits)


class _OpsPayload(msgspec.Struct):
    treeId: str
    ops: Raw
    prev: WireCursor | int | None = None
    cursor: WireCursor | None = None


class SyncDone(msgspec.Struct):
    """The end of an answer to `ops:state`."""

    treeIds: list[str] = []
    cursor: WireCursor | None = None
    reset: bool = False


class HavePart(msgspec.Struct):
    """A part of what the server holds, or the end of it."""

    treeId: str = ""
    peer: str = ""
    ranges: list[tuple[int, int]] = []
    alternates: list[int] = []
    """Counters whose ids have several contents there."""
    done: bool = False
    cursor: WireCursor | None = None


class SecretsChanged(msgspec.Struct):
    """The server's secrets are others now."""

    etag: str = ""


class FilesChanged(msgspec.Struct):
    """The server has files that it had not, or other contents of mutable ones."""

    static: list[str] = []


class RejectedOp(msgspec.Struct):
    """An op that the server does not take."""

    counter: int = 0
    peerId: str = ""
    code: str = "malformed_op"
    message: str = ""


class SendAnswer(msgspec.Struct):
    """What became of a batch."""

    ok: bool
    accepted: int = 0
    duplicates: int = 0
    rejected: list[RejectedOp] = []
    prev: WireCursor | int | None = None
    cursor: WireCursor | None = None
    code: str = ""
    message: str = ""
    retry: bool = False
    retryAfterMs: int | None = None


class CodeOnly(msgspec.Struct):
    """Why the server ends a connection."""

    code: str = ""


@dataclass(slots=True)
class OpsMessage:
    """Ops that the server sent, and the step of its history that they are."""

    tree_id: str
    ops: list[Op]
    previous_seq: int | None
    cursor: Cursor | None
    refused: list[NoOp] = field(default_factory=list)
    """What stood among the ops and is none."""


def decode(payload: bytes, kind: type[T]) -> T:
    """Decodes a message. Raises FormatError."""
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError(f"the server sent a bad message: {error}") from None


def decode_ops_message(payload: bytes) -> OpsMessage:
    """Decodes `ops:sync` or `ops:receive`. Raises FormatError when it is neither."""
    try:
        found = msgspec.json.decode(payload, type=_OpsPayload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = _decode_leniently(payload)
    text = bytes(found.ops)
    tree_id, refused = found.treeId, []
    try:
        ids.checked_tree_id(tree_id)
        ops, has_refused = decode_ops(text)
        if has_refused:
            refused = [
                NoOp(tree_id, item, error.code, error.message)
                for item, error in refused_items(text)
            ]
    except InvalidIdError as error:
        tree_id = tree_id[:_TREE_ID_SHOWN_MAX]
        items = array_items(text)
        if not items:
            raise
        ops, refused = [], [NoOp(tree_id, item, error.code, error.message) for item in items]
    cursor = found.cursor.to_cursor() if found.cursor else None
    return OpsMessage(tree_id, ops, _seq(found.prev), cursor, refused)


def _decode_leniently(payload: bytes) -> _OpsPayload:
    """Cuts a message apart in which some op is what msgspec does not read."""
    ops = member(payload, "ops")
    if ops is None:
        raise FormatError("the server sent ops without ops")
    others = ((name, member(payload, name)) for name in ("treeId", "prev", "cursor"))
    head = b",".join(b'"%b":%b' % (name.encode(), text) for name, text in others if text)
    found = decode(b'{"ops":[],%b}' % head, _OpsPayload)
    found.ops = Raw(ops)
    return found


def seq_of(previous: WireCursor | int | None) -> int | None:
    """Returns the number of the op before a step."""
    return _seq(previous)


def _seq(previous: WireCursor | int | None) -> int | None:
    return previous.seq if isinstance(previous, WireCursor) else previous


def encode_send(tree_id: str, ops: Iterable[Op]) -> bytes:
    """Encodes `ops:send`."""
    return b'{"treeId":%b,"ops":%b}' % (msgspec.json.encode(tree_id), encode_ops(ops))


def encode_since(cursor: Cursor) -> bytes:
    """Encodes `ops:state` from a cursor on."""
    since = {"epoch": cursor.epoch, "seq": cursor.seq, "tag": cursor.tag}
    return msgspec.json.encode({"since": since})


def encode_trees(trees: Mapping[str, StateVector | None]) -> bytes:
    """Encodes `ops:state` by vectors."""
    vectors: dict[str, Any] = {
        tree_id: None if vector is None else vector.to_json() for tree_id, vector in trees.items()
    }
    return msgspec.json.encode({"trees": vectors})
