"""Ids: which strings may name a space, tree, peer, blob or vertex, and how new ones are made.

Source: the section "Ids in paths" of the space format. Ids reach us from files and from the
network and become parts of paths, so each is checked here before anything else touches it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sila_daemon.core.errors import InvalidIdError

VERTEX_ID_LENGTH_MAX = 256
"""Vertex ids and property keys never become paths; their length alone is bounded."""

COUNTER_MAX = 2**53 - 1
"""The greatest integer that JavaScript counts exactly."""

NULL_VERTEX = "0"
"""The parent of everything deleted."""

_PATH_ID = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")
_HASH = re.compile(r"[0-9a-f]{64}\Z")
_UUID = re.compile(r"[0-9a-f]{32}\Z")


def is_path_id(text: object) -> bool:
    """Tells whether `text` may name a peer or a space in a path."""
    return isinstance(text, str) and _PATH_ID.match(text) is not None


def is_tree_id(text: object) -> bool:
    """Tells whether `text` may name a tree: a path id of at least three characters."""
    return isinstance(text, str) and len(text) >= 3 and _PATH_ID.match(text) is not None


def is_hash(text: object) -> bool:
    """Tells whether `text` is a SHA-256 as 64 lower-case hex digits."""
    return isinstance(text, str) and _HASH.match(text) is not None


def is_vertex_id(text: object) -> bool:
    """Tells whether `text` may name a vertex or a property key."""
    return isinstance(text, str) and 0 < len(text) <= VERTEX_ID_LENGTH_MAX


def is_counter(number: object) -> bool:
    """Tells whether `number` is in 1..2^53-1; a bool is not a number here."""
    return type(number) is int and 1 <= number <= COUNTER_MAX


def checked_peer_id(text: object) -> str:
    """Returns a peer id unchanged. Raises InvalidIdError."""
    return _checked(text, is_path_id, "peer id")


def checked_space_id(text: object) -> str:
    """Returns a space id unchanged. Raises InvalidIdError."""
    return _checked(text, is_tree_id, "space id")


def checked_tree_id(text: object) -> str:
    """Returns a tree id unchanged. Raises InvalidIdError."""
    return _checked(text, is_tree_id, "tree id")


def checked_hash(text: object) -> str:
    """Returns a SHA-256 unchanged. Raises InvalidIdError."""
    return _checked(text, is_hash, "SHA-256")


def checked_uuid(text: object) -> str:
    """Returns a UUID as 32 lower-case hex digits, dashes stripped. Raises InvalidIdError."""
    if isinstance(text, str):
        bare = text.replace("-", "").lower()
        if _UUID.match(bare):
            return bare
    return _checked(text, lambda _: False, "UUID")


def _checked(text: object, accepts: Callable[[object], bool], what: str) -> str:
    if accepts(text):
        assert isinstance(text, str)
        return text
    raise InvalidIdError(f"not a valid {what}: {shortened(text)}")


def shortened(thing: object, length: int = 60) -> str:
    """Renders untrusted `thing` for a message: printable ASCII, at most `length` characters."""
    text = ascii(thing)
    return text if len(text) <= length else text[: length - 1] + "…"
