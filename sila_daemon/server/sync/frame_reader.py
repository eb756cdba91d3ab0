"""What a client sends on a websocket, parted into whole texts and into whatever else there is.

Nearly all of it are texts in one frame. These are read here, in a few steps each; the library,
which takes ten times as long, is given the rest as it came: pings, the end, messages in several
frames, and everything that breaks the rules. A whole text leaves the library's state as it is, so
that it misses nothing.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Iterator
from typing import NamedTuple

PARTS_BYTES_MIN = 4 << 10
"""A frame beyond this is unmasked and checked as it comes, so that no moment is long."""

_WHOLE_TEXT = 0x81
_IS_LAST = 0x80
_IS_CONTROL = 0x08
_IS_MASKED = 0x80
_UNMASKED = bytes(4)
_TABLES_BYTES_MIN = 1000
_Utf8 = getincrementaldecoder("utf-8")


class NotTextError(Exception):
    """A text that is not UTF-8."""


class Taken(NamedTuple):
    """A stretch of what a client sent."""

    data: bytes
    is_text: bool
    """Whether it is the content of a whole text; else it is the library's, as it came."""


class _Header(NamedTuple):
    first: int
    mask: bytes | None
    begin: int
    """Where the content begins."""
    size: int
    is_proper: bool


class FrameReader:
    """Reads one websocket from the first frame on."""

    def __init__(self, text_bytes_max: int) -> None:
        self._text_bytes_max = text_bytes_max
        self._rest = b""
        """The beginning of a frame that is read once it is whole."""
        self._large: _LargeText | None = None
        self._foreign_bytes = 0
        """What is still to come of a frame that is the library's."""
        self._is_among_parts = False
        """Whether a message in several frames has begun and not ended."""

    def feed(self, data: bytes) -> Iterator[Taken]:
        """Yields what has come. Raises NotTextError; nothing is to be fed any more then."""
        if self._rest:
            data, self._rest = self._rest + data, b""
        at = 0
        while at < len(data):
            is_inside = self._foreign_bytes or self._large is not None
            at, taken = self._continued(data, at) if is_inside else self._begun(data, at)
            if taken is not None:
                yield taken

    def _continued(self, data: bytes, at: int) -> tuple[int, Taken | None]:
        """Goes on within a frame; returns how far it came."""
        if self._large is None:
            end = min(len(data), at + self._foreign_bytes)
            self._foreign_bytes -= end - at
            return end, Taken(data[at:end], is_text=False)
        end = self._large.feed(data, at)
        if self._large.lacking:
            return end, None
        text, self._large = self._large.text(), None
        return end, Taken(text, is_text=True)

    def _begun(self, data: bytes, at: int) -> tuple[int, Taken | None]:
        """Begins with a frame; returns how far it came."""
        header = _header(data, at)
        if header is None:
            self._rest = data[at:]
            return len(data), None
        if header.mask is None or not self._is_ours(header):
            self._foreign_bytes = header.begin + header.size - at
            if not header.first & _IS_CONTROL:
                self._is_among_parts = not header.first & _IS_LAST
            return at, None
        if header.size > PARTS_BYTES_MIN:
            self._large = _LargeText(header.size, header.mask)
            return header.begin, None
        end = header.begin + header.size
        if end > len(data):
            self._rest = data[at:]
            return len(data), None
        return end, Taken(_text(data[header.begin : end], header.mask), is_text=True)

    def _is_ours(self, header: _Header) -> bool:
        return (
            header.first == _WHOLE_TEXT
            and header.is_proper
            and header.size <= self._text_bytes_max
            and not self._is_among_parts
        )


def _header(data: bytes, at: int) -> _Header | None:
    """Reads what stands before the content of a frame; None when it is not whole."""
    if len(data) < at + 2:
        return None
    first, second = data[at], data[at + 1]
    size, begin, is_proper = second & 0x7F, at + 2, True
    if size > 125:
        begin += 2 if size == 126 else 8
        is_long = size == 127
        size = int.from_bytes(data[at + 2 : begin])
        is_proper = size > (0xFFFF if is_long else 125)
    mask = None
    if second & _IS_MASKED:
        mask = data[begin : begin + 4]
        begin += 4
    if len(data) < begin:
        return None
    return _Header(first, mask, begin, size, is_proper)


def _text(data: bytes, mask: bytes) -> bytes:
    text = unmasked(data, mask)
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise NotTextError(str(error)) from None
    return text


class _LargeText:
    """A text that is taken as it comes."""

    def __init__(self, size: int, mask: bytes) -> None:
        self.lacking = size
        """Bytes that have not come."""
        self._mask = mask
        self._taken = bytearray()
        self._utf8 = _Utf8()

    def feed(self, data: bytes, at: int) -> int:
        """Takes what belongs here; returns where it ends."""
        end = min(len(data), at + self.lacking)
        part = unmasked(data[at:end], self._mask)
        self.lacking -= len(part)
        turn = len(part) % 4
        self._mask = self._mask[turn:] + self._mask[:turn]
        try:
            self._utf8.decode(part, final=not self.lacking)
        except UnicodeDecodeError as error:
            raise NotTextError(str(error)) from None
        self._taken += part
        return end

    def text(self) -> bytes:
        """Returns the whole."""
        return bytes(self._taken)


def unmasked(data: bytes, mask: bytes) -> bytes:
    """Takes a mask of four bytes off."""
    if mask == _UNMASKED:
        return data
    if len(data) < _TABLES_BYTES_MIN:
        size = len(data)
        cover = int.from_bytes((mask * (size // 4 + 1))[:size])
        return (int.from_bytes(data) ^ cover).to_bytes(size)
    lanes = bytearray(data)
    for lane, key in enumerate(mask):
        table = bytes(value ^ key for value in range(256))
        lanes[lane::4] = lanes[lane::4].translate(table)
    return bytes(lanes)
