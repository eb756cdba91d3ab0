"""What leaves on a connection: JSON text that is ready to be sent, made once for many readers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from sila_daemon.server.json_text import dumps
from sila_daemon.server.ops.op_store import Position, cursor_json


@dataclass(slots=True)
class Frame:
    """One event, or one acknowledgement."""

    text: str
    """A JSON array: event name and payload, or the arguments of the acknowledgement."""
    ack_id: int | None = None
    """The number of the event that this acknowledges; None for an event."""
    carried: tuple[str, bytes] | None = field(default=None, compare=False, repr=False)
    """How a carrier rendered it, and where to: kept for the other readers of the space."""

    @property
    def size(self) -> int:
        """Roughly its bytes."""
        return len(self.text)


TOO_LARGE = "\x00too_large"
"""The name that a carrier gives an event beyond the limit."""


class ConnectedDevice(NamedTuple):
    """A device as it introduced itself."""

    user_id: str
    id: str
    name: str
    platform: str


class Peer(Protocol):
    """The other end of one connection to one space, whatever carries it."""

    async def send(self, frame: Frame) -> None:
        """Returns when there is room for another frame. Raises ConnectionError when it is gone."""
        ...

    def send_now(self, frame: Frame) -> bool:
        """Sends a frame if that takes no waiting; False when `send` is to be used.

        Raises ConnectionError when the other end is gone.
        """
        ...

    async def close(self, reason: str) -> None:
        """Ends the connection; returns at once when it has ended."""
        ...


def event(name: str, payload: Any) -> Frame:
    """Makes an event with a small payload."""
    return Frame(f"[{dumps(name)},{dumps(payload)}]")


def acknowledgement(ack_id: int, payload: Any) -> Frame:
    """Makes an acknowledgement."""
    return Frame(f"[{dumps(payload)}]", ack_id)


def ops_event(
    name: str, tree_id: str, ops_text: str, step: tuple[str, Position, Position] | None = None
) -> Frame:
    """Makes an event that carries ops, which are JSON text already.

    `step` is epoch, position before and position after, for those who keep a cursor.
    """
    tail = ""
    if step is not None:
        epoch, before, after = step
        prev, cursor = cursor_json(epoch, before), cursor_json(epoch, after)
        tail = f',"prev":{dumps(prev)},"cursor":{dumps(cursor)}'
    return Frame(f'["{name}",{{"treeId":{dumps(tree_id)},"ops":{ops_text}{tail}}}]')
