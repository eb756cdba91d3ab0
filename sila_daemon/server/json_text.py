"""JSON as the server writes it, on connections, in files and in its databases."""

from __future__ import annotations

import json
from typing import Any


def dumps(value: Any) -> str:
    """Encodes JSON compactly, in ASCII, so that lone surrogates survive."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
