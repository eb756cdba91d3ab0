"""Makes PNGs for tests, every filter of the format in turn."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = {1: 0, 2: 4, 3: 2, 4: 6}
"""Grey, grey with opacity, colours, colours with opacity, by the number of channels."""


def png(
    width: int,
    height: int,
    pixel: Callable[[int, int], tuple[int, ...]],
    *,
    palette: bytes = b"",
    opacity: bytes = b"",
    interlaced: bool = False,
) -> bytes:
    """A picture of 8 bits a channel; with a palette, pixels are places in it."""
    channels = len(pixel(0, 0))
    rows, above = b"", bytes(width * channels)
    for y in range(height):
        row = bytes(value for x in range(width) for value in pixel(x, y))
        rows += bytes([y % 5]) + _filtered(y % 5, row, above, channels)
        above = row
    kind = 3 if palette else KINDS[channels]
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, int(interlaced))
    parts = [(b"IHDR", header), (b"PLTE", palette), (b"tRNS", opacity)]
    packed = zlib.compress(rows)
    # In two parts, as larger pictures come.
    parts += [(b"IDAT", packed[:7]), (b"IDAT", packed[7:]), (b"IEND", b"")]
    chunks = (_chunk(name, body) for name, body in parts if body or name == b"IEND")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _filtered(kind: int, row: bytes, above: bytes, step: int) -> bytes:
    before = bytes(step) + row[:-step]
    corner = bytes(step) + above[:-step]

    def guess(left: int, up: int, diagonal: int) -> int:
        nearest = min((left, up, diagonal), key=lambda one: abs(left + up - diagonal - one))
        return (0, left, up, (left + up) // 2, nearest)[kind]

    guesses = map(guess, before, above, corner)
    return bytes((value - guessed) % 256 for value, guessed in zip(row, guesses, strict=True))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def curve_png(width: int = 96, height: int = 48) -> bytes:
    """A roast curve on paper."""

    def pixel(x: int, y: int) -> tuple[int, int, int]:
        along = x / (width - 1)
        level = (height - 6) * (1 - along) ** 2.4 + 2
        return (176, 82, 30) if abs(y - level) < 1.5 else (250, 246, 240)

    return png(width, height, pixel)
