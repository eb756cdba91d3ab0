"""Socket.IO packets whose payloads stay JSON text, both ways.

python-socketio would decode every payload into Python objects and refuse the whole connection's
packet when one string holds a lone surrogate. Here an event is its name and the bytes of its
first argument; whoever handles it decodes these with types. Whatever a client sends, decoding
never raises: what cannot be read becomes the event MALFORMED, which is answered like any other.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import msgspec
from socketio import packet

from sila_daemon.core.json_split import array_items
from sila_daemon.server.json_text import dumps
from sila_daemon.server.limits.constants import FRAME_BYTES_MAX
from sila_daemon.server.spaces.frames import TOO_LARGE

MALFORMED = "\x00malformed"
"""The name of an event that could not be read; no client can send it (it is refused by name)."""

UNREAD = "\x00unread"
"""The name of a large event that only a slow decoder may understand: see `read_leniently`."""

CONNECT_BYTES_MAX = 64 << 10
"""JSON of what a client presents to join; nobody has checked yet who sends it."""

LENIENT_BYTES_MAX = 32 << 10
"""JSON that is decoded slowly on the event loop; longer ones wait for a worker."""

_RESERVED = frozenset({"connect", "connect_error", "disconnect", MALFORMED, TOO_LARGE, UNREAD})
"""Names that python-socketio takes for its own: an event of that name would be a forged one."""

_HEADER = re.compile(
    rb"(?P<kind>[0-6])(?:\d{1,10}-)?(?:(?P<namespace>/[^,]{0,255}),?)?(?P<number>\d{1,15})?"
)
_DECODE_ARRAY = msgspec.json.Decoder(list[msgspec.Raw]).decode
_DECODE_NAME = msgspec.json.Decoder(str).decode


_Packet: Any = packet.Packet


class SpacePacket(_Packet):  # type: ignore[misc]
    """A packet of any kind; `data` is JSON text when it is sent."""

    uses_binary_events = False

    def encode(self) -> str:
        """Renders the packet as text."""
        namespace = f"{self.namespace}," if self.namespace and self.namespace != "/" else ""
        number = "" if self.id is None else str(self.id)
        data = self.data
        text = "" if data is None else data if isinstance(data, str) else dumps(data)
        return f"{self.packet_type}{namespace}{number}{text}"

    def decode(self, encoded_packet: Any) -> int:
        """Reads a packet; returns the number of attachments to wait for, which is always 0."""
        text = b""
        if isinstance(encoded_packet, str):
            text = encoded_packet.encode("utf-8", "surrogatepass")
        header = _HEADER.match(text)
        # Unless it turns out to be more: an acknowledgement that nobody waits for, which the
        # library passes over.
        self.packet_type, self.namespace = packet.ACK, None
        self.id: int | None = -1
        self.data: Any = []
        if header is None:
            return 0
        if header["namespace"]:
            self.namespace = _namespace(header)
        kind = int(header["kind"])
        if kind == packet.CONNECT:
            body = text[header.end() :]
            self.packet_type = kind
            self.data = _decoded(body) if len(body) <= CONNECT_BYTES_MAX else None
        elif kind == packet.DISCONNECT:
            self.packet_type = kind
        elif kind in (packet.EVENT, packet.BINARY_EVENT):
            self.packet_type = packet.EVENT
            self.id = _number(header)
            is_binary = kind == packet.BINARY_EVENT
            self.data = [MALFORMED, None] if is_binary else list(_event(text, header.end()))
        return 0


@dataclass(frozen=True, slots=True)
class EventPacket:
    """An event of a client in one namespace."""

    namespace: str
    number: int | None
    """None when the client wants no acknowledgement."""
    name: str
    payload: bytes | None


def read_event(text: bytes, begin: int) -> EventPacket | None:
    """Reads the packet that begins there in a UTF-8 text, if it is an event in a namespace.

    Returns None for every other packet, and for an event that only a slow decoder may understand.
    """
    header = _HEADER.match(text, begin)
    if header is None or header["kind"] != b"2" or not header["namespace"]:
        return None
    name, payload = _event(text, header.end())
    if name == UNREAD:
        return None
    return EventPacket(_namespace(header), _number(header), name, payload)


def _namespace(header: re.Match[bytes]) -> str:
    return header["namespace"].partition(b"?")[0].decode("utf-8", "replace")


def _number(header: re.Match[bytes]) -> int | None:
    return None if header["number"] is None else int(header["number"])


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8", "surrogatepass")) if body else None
    except (ValueError, RecursionError):
        return None


def _event(text: bytes, begin: int) -> tuple[str, Any]:
    """Returns the name of an event and the JSON text of its first argument, or None."""
    if len(text) > FRAME_BYTES_MAX:
        return TOO_LARGE, None
    body = memoryview(text)[begin:]
    try:
        parts = _DECODE_ARRAY(body)
        name = _DECODE_NAME(parts[0])
        payload = bytes(parts[1]) if len(parts) > 1 else None
    except (msgspec.DecodeError, UnicodeError, RecursionError, IndexError):
        rest = bytes(body)
        return read_leniently(rest) if len(rest) <= LENIENT_BYTES_MAX else (UNREAD, rest)
    return (MALFORMED, None) if name in _RESERVED else (name, payload)


def read_leniently(body: bytes) -> tuple[str, bytes | None]:
    """Reads what msgspec refuses, such as a lone surrogate, by cutting it apart.

    The payload stays as it came: whoever handles it finds the part that is wrong.
    """
    parts = array_items(body)
    name = _decoded_bytes(parts[0]) if parts else None
    if not parts or not isinstance(name, str) or name in _RESERVED:
        return MALFORMED, None
    return name, parts[1] if len(parts) > 1 else None


def _decoded_bytes(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


class SafeJson:
    """JSON for Engine.IO's own packets: what is nested too deep is refused, not raised."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        """Encodes compactly."""
        return dumps(value)

    @staticmethod
    def loads(text: str, **_: Any) -> Any:
        """Decodes. Raises ValueError, and nothing else."""
        try:
            return json.loads(text)
        except RecursionError:
            raise ValueError("nested too deep") from None
