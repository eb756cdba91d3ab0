"""Ops: the values that a space is made of, and what it means for two of them to be the same.

Source: the section "Ops and order" of the space format, as reptree 0.9.0 has them.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from sila_daemon.core import json_value


class OpId(NamedTuple):
    """The id of an op within its tree: a Lamport counter and the peer that made it."""

    counter: int
    peer: str


class MoveOp(msgspec.Struct, frozen=True, gc=False):
    """Puts a vertex under a parent; the first one creates the vertex."""

    counter: int
    peer: str
    target: str
    parent: str | None
    """None makes a root; "0" deletes."""

    @property
    def id(self) -> OpId:
        """The op's id."""
        return OpId(self.counter, self.peer)


class PropertyOp(msgspec.Struct, frozen=True, gc=False):
    """Sets one property of a vertex, or deletes it."""

    counter: int
    peer: str
    target: str
    key: str
    value: bytes | None
    """The JSON text as it came; None, `{}` and `[]` delete."""
    transient: bool = False
    """Live state: broadcast, overlaid, never stored and never in a state vector."""

    @property
    def id(self) -> OpId:
        """The op's id."""
        return OpId(self.counter, self.peer)


Op = MoveOp | PropertyOp


def value_size(op: Op) -> int:
    """Returns how many bytes of a value an op holds: what is large of an op, if anything is."""
    return len(op.value) if isinstance(op, PropertyOp) and op.value is not None else 0


def content_bytes(op: Op) -> bytes:
    """Encodes what an op says, without its id, so that equal meanings give equal bytes.

    Deletions are one thing however they are spelled, and numbers compare as doubles. Where one
    id came with two contents, the greater of these bytes wins, the same on every replica.
    """
    if isinstance(op, MoveOp):
        return json_value.canonical(["m", op.target, op.parent])
    head = json_value.canonical(["p", op.target, op.key])
    if op.value is None or json_value.is_deletion(op.value):
        return head
    # Joined by hand: inside a list, a value that is as deep as may be would be too deep.
    return b"%b,%b]" % (head[:-1], json_value.canonical(json_value.decode(op.value)))
