"""JSON for Socket.IO packets in which payloads stay the text that they came as.

Both ends pass this module as python-socketio's `json=`. Its two functions have the shape of the
standard library's; what differs is that an event's arguments are neither decoded nor rendered
again: they come and go as `msgspec.Raw`, so that the spelling of a number, a lone surrogate's
escape and the order of keys survive, and a large batch is not parsed on the event loop.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
from msgspec import Raw

from sila_daemon.core import json_value
from sila_daemon.core.json_split import array_items

_DECODE_ARGUMENTS = msgspec.json.Decoder(list[Raw]).decode


def loads(text: str | bytes, **_ignored: object) -> Any:
    """Decodes the data of a packet. Raises ValueError.

    An array, as events and acknowledgements carry, becomes a list whose items are Raw, except
    that strings are decoded: the first is an event's name. Anything else, as the handshake and
    CONNECT packets carry, is decoded as usual.
    """
    if text[:1] not in ("[", b"["):
        return _plain(text)
    try:
        arguments = _DECODE_ARGUMENTS(text)
    except (msgspec.DecodeError, RecursionError):
        arguments = _split_leniently(text.encode() if isinstance(text, str) else text)
    # A slice of the packet's text would keep all of it alive; the copy is what the holder keeps.
    return [
        json_value.decode(bytes(item)) if _is_string(item) else item.copy() for item in arguments
    ]


_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_PLAIN_ESCAPE = b"\\u0041"
_BETWEEN = b" \t\r\n,"


def _split_leniently(text: bytes) -> list[Raw]:
    """Splits an array that may hold lone surrogates, which msgspec does not pass over.

    Escapes of surrogates are replaced by others of the same length, only to find where the
    items begin and end.
    """
    try:
        shapes = _DECODE_ARGUMENTS(_SURROGATE_ESCAPE.sub(lambda _: _PLAIN_ESCAPE, text))
    except msgspec.DecodeError as error:
        raise ValueError(f"not JSON: {error}") from None
    except RecursionError:
        return _split_deep(text)
    items: list[Raw] = []
    position = 1
    for shape in shapes:
        while text[position] in _BETWEEN:
            position += 1
        end = position + memoryview(shape).nbytes
        items.append(Raw(text[position:end]))
        position = end
    return items


def _split_deep(text: bytes) -> list[Raw]:
    """Splits an array that goes deeper than msgspec; what is wrong in an item shows up later."""
    items = array_items(text)
    if items is None or any(item.startswith(b'"') and not _is_text(item) for item in items):
        raise ValueError("not JSON: nested too deep")
    return [Raw(item) for item in items]


def _is_text(item: bytes) -> bool:
    try:
        return isinstance(json.loads(item), str)
    except ValueError:
        return False


def _is_string(item: Raw) -> bool:
    return bytes(memoryview(item)[:1]) == b'"'


def _plain(text: str | bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        pass  # A lone surrogate, or a number that only the standard library reads.
    except RecursionError:
        raise ValueError("not JSON: nested too deep") from None
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("not JSON: nested too deep") from None


def dumps(data: Any, **_ignored: object) -> str:
    """Encodes the data of a packet compactly; `Raw` inside it goes out as it is."""
    try:
        return msgspec.json.encode(data).decode()
    except UnicodeEncodeError:
        return _rendered(data)


def _rendered(data: Any) -> str:
    """Encodes what holds a lone surrogate, which msgspec refuses, as an escape."""
    if isinstance(data, Raw):
        return bytes(data).decode()
    if isinstance(data, dict):
        members = (f"{_rendered(key)}:{_rendered(value)}" for key, value in data.items())
        return "{" + ",".join(members) + "}"
    if isinstance(data, list | tuple):
        return "[" + ",".join(_rendered(item) for item in data) + "]"
    return json_value.encode(data).decode()
