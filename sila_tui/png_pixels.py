"""The pixels of a small PNG (RFC 2083), and as many of them as fit on a screen of half blocks.

Only what a preview needs: 8 bits a channel, not interlaced, and few enough pixels that plain Python
is done with them in a fraction of a second. Everything else is None, and told in facts instead.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PIXELS_MAX = 250_000
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_CHANNELS = {_GREY: 1, _RGB: 3, _PALETTE: 1, _GREY_ALPHA: 2, _RGBA: 4}

Colour = tuple[int, int, int, int]
"""Red, green, blue and opacity, each 0 to 255."""


@dataclass(frozen=True)
class Pixels:
    """A decoded picture."""

    width: int
    height: int
    rows: tuple[bytes, ...]
    channels: int
    palette: tuple[Colour, ...] = ()
    """What each value stands for, where the rows hold places in a palette."""

    def at(self, x: int, y: int) -> Colour:
        """The colour of one pixel."""
        start = x * self.channels
        values = self.rows[y][start : start + self.channels]
        if self.palette:
            place = values[0]
            return self.palette[place] if place < len(self.palette) else (0, 0, 0, 0)
        if self.channels < 3:
            return values[0], values[0], values[0], values[-1] if self.channels == 2 else 255
        return values[0], values[1], values[2], values[3] if self.channels == 4 else 255


def read_png(data: bytes) -> Pixels | None:
    """Decodes a whole PNG; None for a torn, great or unusual one."""
    chunks: dict[bytes, bytes] = {}
    for kind, body in _chunks(data):
        chunks[kind] = chunks.get(kind, b"") + body
    header = chunks.get(b"IHDR", b"")
    if len(header) != 13 or b"IEND" not in chunks:
        return None
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", header)
    channels = _CHANNELS.get(colour)
    is_usual = depth == 8 and not any(rest) and channels is not None
    if not is_usual or channels is None or not 0 < width * height <= PIXELS_MAX:
        return None
    rows = _rows(chunks.get(b"IDAT", b""), width * channels, height, channels)
    if rows is None:
        return None
    palette = _palette(chunks) if colour == _PALETTE else ()
    return Pixels(width, height, rows, channels, palette)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE) if data.startswith(_SIGNATURE) else len(data)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        body = data[at + 8 : at + 8 + length]
        if len(body) == length:
            yield data[at + 4 : at + 8], body
        at += 12 + length


def _palette(chunks: dict[bytes, bytes]) -> tuple[Colour, ...]:
    colours, opacity = chunks.get(b"PLTE", b""), chunks.get(b"tRNS", b"")
    count = len(colours) // 3
    seen = opacity + b"\xff" * (count - len(opacity))
    return tuple((*colours[3 * at : 3 * at + 3], seen[at]) for at in range(count))


def _rows(packed: bytes, length: int, height: int, step: int) -> tuple[bytes, ...] | None:
    """The rows without their filters; never more bytes than the header promised."""
    expected = (length + 1) * height
    try:
        plain = zlib.decompressobj().decompress(packed, expected)
    except zlib.error:
        return None
    if len(plain) < expected:
        return None
    rows: list[bytes] = []
    above = bytes(length)
    for at in range(0, expected, length + 1):
        row = _unfiltered(plain[at], bytearray(plain[at + 1 : at + 1 + length]), above, step)
        if row is None:
            return None
        rows.append(row)
        above = row
    return tuple(rows)


def _unfiltered(kind: int, row: bytearray, above: bytes, step: int) -> bytes | None:
    match kind:
        case 0:
            pass
        case 1:
            for at in range(step, len(row)):
                row[at] = row[at] + row[at - step] & 255
        case 2:
            row = bytearray(value + up & 255 for value, up in zip(row, above, strict=True))
        case 3:
            for at, up in enumerate(above):
                left = row[at - step] if at >= step else 0
                row[at] = row[at] + (left + up) // 2 & 255
        case 4:
            for at, up in enumerate(above):
                left, corner = (row[at - step], above[at - step]) if at >= step else (0, 0)
                row[at] = row[at] + _paeth(left, up, corner) & 255
        case _:
            return None
    return bytes(row)


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    far_left, far_up, far_corner = abs(guess - left), abs(guess - up), abs(guess - corner)
    if far_left <= far_up and far_left <= far_corner:
        return left
    return up if far_up <= far_corner else corner


def shrunk(pixels: Pixels, side_max: int) -> Pixels:
    """The picture with at most so many pixels in each direction; as it is when it is smaller."""
    scale = min(1.0, side_max / pixels.width, side_max / pixels.height)
    if scale == 1.0:
        return pixels
    columns = [_span(x, scale, pixels.width) for x in range(max(1, round(pixels.width * scale)))]
    lines = [_span(y, scale, pixels.height) for y in range(max(1, round(pixels.height * scale)))]
    rows = tuple(
        b"".join(bytes(_mean(pixels, across, down)) for across in columns) for down in lines
    )
    return Pixels(len(columns), len(lines), rows, 4)


Cell = tuple[Colour, Colour]
"""The upper and the lower half of a cell."""


def half_blocks(pixels: Pixels, columns: int, lines: int) -> list[list[Cell]]:
    """The picture in at most so many cells, its proportions kept; never larger than it is."""
    scale = min(1.0, columns / pixels.width, 2 * lines / pixels.height)
    width = max(1, round(pixels.width * scale))
    height = max(1, round(pixels.height * scale))

    def colour(x: int, y: int) -> Colour:
        return _mean(pixels, _span(x, scale, pixels.width), _span(y, scale, pixels.height))

    def below(x: int, y: int) -> Colour:
        return colour(x, y + 1) if y + 1 < height else (0, 0, 0, 0)

    return [[(colour(x, y), below(x, y)) for x in range(width)] for y in range(0, height, 2)]


def _span(at: int, scale: float, length: int) -> range:
    """The pixels of one direction that a place stands for: one at least."""
    first = min(length - 1, int(at / scale))
    return range(first, max(first + 1, min(length, int((at + 1) / scale))))


def _mean(pixels: Pixels, columns: range, lines: range) -> Colour:
    """The mean colour of a part of the picture; what is seen through counts less."""
    red = green = blue = opacity = 0
    for y in lines:
        for x in columns:
            r, g, b, seen = pixels.at(x, y)
            red, green, blue = red + r * seen, green + g * seen, blue + b * seen
            opacity += seen
    if not opacity:
        return 0, 0, 0, 0
    count = len(columns) * len(lines)
    return red // opacity, green // opacity, blue // opacity, opacity // count
