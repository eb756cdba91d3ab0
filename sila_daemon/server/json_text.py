"""JSON as the server writes it, on connections, in files and in its databases."""

from __future__ import annotations

import json
from typing import Any

# Made once: `json.dumps` makes an encoder for every call that wants anything unusual.
_ENCODE = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def dumps(value: Any) -> str:
    """Encodes JSON compactly, in ASCII, so that lone surrogates survive."""
    return _ENCODE(value)
