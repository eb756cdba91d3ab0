"""What the first bytes of a picture tell about it: its format and how many pixels it has."""

from __future__ import annotations

from dataclasses import dataclass

_JPEG_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""The JPEG segments that begin with the size of the picture."""
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xDA)})
"""JPEG markers without a length."""


@dataclass(frozen=True)
class ImageFacts:
    """A picture's format and size in pixels."""

    kind: str
    width: int
    height: int


def image_facts(data: bytes) -> ImageFacts | None:
    """Reads a PNG, GIF, WebP, BMP or JPEG header; None for anything else, and for torn ones."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR" and len(data) >= 24:
        return ImageFacts("PNG", _big(data, 16, 4), _big(data, 20, 4))
    if data[:6] in (b"GIF87a", b"GIF89a") and len(data) >= 10:
        return ImageFacts("GIF", _little(data, 6, 2), _little(data, 8, 2))
    if data.startswith(b"BM") and len(data) >= 26:
        height = int.from_bytes(data[22:26], "little", signed=True)
        return ImageFacts("BMP", _little(data, 18, 4), abs(height))
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    return _jpeg(data) if data.startswith(b"\xff\xd8\xff") else None


def _webp(data: bytes) -> ImageFacts | None:
    if len(data) < 30:
        return None
    match data[12:16]:
        case b"VP8X":
            return ImageFacts("WebP", _little(data, 24, 3) + 1, _little(data, 27, 3) + 1)
        case b"VP8L":
            bits = _little(data, 21, 4)
            return ImageFacts("WebP", (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        case b"VP8 ":
            return ImageFacts("WebP", _little(data, 26, 2) & 0x3FFF, _little(data, 28, 2) & 0x3FFF)
    return None


def _jpeg(data: bytes) -> ImageFacts | None:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _JPEG_SIZES:
            return ImageFacts("JPEG", _big(data, at + 7, 2), _big(data, at + 5, 2))
        at += 2 if marker in _JPEG_BARE else 2 + max(2, _big(data, at + 2, 2))
    return None


def _big(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "big")


def _little(data: bytes, at: int, length: int) -> int:
    return int.from_bytes(data[at : at + length], "little")
