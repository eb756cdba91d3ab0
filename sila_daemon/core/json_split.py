"""Cuts JSON arrays and objects into their members without recursion, however deep these go.

Every JSON parser at hand gives up on a text that is nested some thousand deep, all of it. Cut
apart first, only the member that goes so deep is refused. The members are not checked: whoever
parses one finds out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

# Quantifiers are possessive, so that long strings need no memory to come back to. A string that
# does not end is one token too: else each quote in it would be tried as the start of another.
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN = re.compile(_STRING + rb"?|[\[{]++|[\]}]++|,", re.DOTALL)
_MEMBER = re.compile(rb"\s*(" + _STRING + rb")\s*:(.*)", re.DOTALL)
_BLANKS = b" \t\r\n"


def array_items(text: bytes) -> list[bytes] | None:
    """Returns the JSON texts of an array's items; None when `text` is not one array."""
    return _split(text.strip(_BLANKS), b"[", b"]")


def object_members(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields key and value of an object's members as JSON texts; nothing when it is none."""
    for part in _split(text.strip(_BLANKS), b"{", b"}") or ():
        if found := _MEMBER.match(part):
            yield found[1], found[2].strip(_BLANKS)


def member(text: bytes, name: str) -> bytes | None:
    """Returns the JSON text of an object's member; the last one where a name comes twice."""
    found = None
    for key, value in object_members(text):
        try:
            if json.loads(key) == name:
                found = value
        except ValueError:
            continue
    return found


def _split(text: bytes, opening: bytes, closing: bytes) -> list[bytes] | None:
    if text[:1] != opening or text[-1:] != closing:
        return None
    parts = []
    depth, start = 0, 1
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark[0] in b"[{":
            depth += len(mark)
        elif mark[0] in b"]}":
            end = token.start() + depth - 1
            depth -= len(mark)
            if depth <= 0:
                if end + 1 != len(text):
                    break
                parts.append(text[start:end].strip(_BLANKS))
                return parts if parts != [b""] else []
        elif mark == b"," and depth == 1:
            parts.append(text[start : token.start()].strip(_BLANKS))
            start = token.end()
    return None
