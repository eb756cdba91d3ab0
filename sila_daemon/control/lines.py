"""Messages as lines of JSON, lone surrogates included.

msgspec is fast and refuses lone surrogates, which titles of the original may hold; such a line
takes the slow way through the standard library, and keeps them as escapes.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import msgspec

_ENCODER = msgspec.json.Encoder()


def encode_line(message: Any) -> bytes:
    """Returns the message as one line with its newline."""
    try:
        return _ENCODER.encode(message) + b"\n"
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(message)
        return json.dumps(plain, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def decode_line(line: bytes) -> Any:
    """Returns what a line says. Raises ValueError for anything that is not JSON."""
    try:
        return msgspec.json.decode(line)
    except RecursionError:
        raise ValueError("nested too deep") from None
    except msgspec.DecodeError:
        pass
    try:
        return json.loads(line, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
