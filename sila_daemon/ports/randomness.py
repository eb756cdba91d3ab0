"""Chance, as something that is passed in."""

from __future__ import annotations

import random
import secrets
from typing import Protocol


class Randomness(Protocol):
    """Unpredictable bytes for ids and keys, and a number for jitter."""

    def token(self, size_bytes: int) -> bytes:
        """Returns that many random bytes."""
        ...

    def uniform(self) -> float:
        """Returns a number in [0, 1)."""
        ...


class SystemRandomness:
    """The operating system's generator."""

    def token(self, size_bytes: int) -> bytes:
        """Returns bytes fit for keys."""
        return secrets.token_bytes(size_bytes)

    def uniform(self) -> float:
        """Returns a number for jitter, not for secrets."""
        return random.random()


def new_id(randomness: Randomness) -> str:
    """Makes an id as Sila does: a version 4 UUID as 32 lower-case hex digits, no dashes."""
    raw = bytearray(randomness.token(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    return raw.hex()
