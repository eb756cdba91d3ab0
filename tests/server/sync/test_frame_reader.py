"""Whole texts are read here, however they come; everything else reaches the library as it came."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sila_daemon.server.sync.frame_reader import (
    PARTS_BYTES_MIN,
    FrameReader,
    NotTextError,
    unmasked,
)

TEXT_MAX = 100_000


def frame(content: bytes, first: int = 0x81, mask: bytes | None = b"\x01\xfe\x80\x7f") -> bytes:
    """Makes a frame as clients send it."""
    masked = 0 if mask is None else 0x80
    size = len(content)
    if size < 126:
        head = bytes((first, masked | size))
    elif size < 1 << 16:
        head = bytes((first, masked | 126)) + size.to_bytes(2)
    else:
        head = bytes((first, masked | 127)) + size.to_bytes(8)
    if mask is None:
        return head + content
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(content))


def read(reader: FrameReader, data: bytes, cuts: list[int]) -> list[tuple[bool, bytes]]:
    """Feeds data in pieces; joins what goes to the library without a text between."""
    found: list[tuple[bool, bytes]] = []
    edges = [0, *sorted(cuts), len(data)]
    for begin, end in itertools.pairwise(edges):
        for part, is_text in reader.feed(data[begin:end]):
            if found and not is_text and not found[-1][0]:
                found[-1] = (False, found[-1][1] + part)
            else:
                found.append((is_text, part))
    return found


CONTENTS = ["", "a", "é" * 62, "x" * 126, "€" * PARTS_BYTES_MIN, "z" * 70_000]


@pytest.mark.parametrize("mask", [bytes(4), b"\x01\xfe\x80\x7f"], ids=["zero", "any"])
@pytest.mark.parametrize("step", [1, 7, 1000, 1 << 20])
def test_texts_come_whole_whatever_the_pieces(mask: bytes, step: int) -> None:
    texts = [text.encode() for text in CONTENTS]
    data = b"".join(frame(text, mask=mask) for text in texts)
    found = read(FrameReader(TEXT_MAX), data, list(range(step, len(data), step)))
    assert found == [(True, text) for text in texts]


FOREIGN: dict[str, bytes] = {
    "a ping": frame(b"?", 0x89),
    "a pong": frame(b"", 0x8A),
    "an end": frame(b"\x03\xe8", 0x88),
    "bytes": frame(b"\x00\xff" * 5000, 0x82),
    "parts with a ping among them": frame(b"a", 0x01) + frame(b"", 0x89) + frame(b"b", 0x80),
    "a text within parts": frame(b"a", 0x01) + frame(b"b") + frame(b"c", 0x80),
    "a text without a mask": frame(b"abc", mask=None),
    "reserved bits": frame(b"abc", 0xC1),
    "a text that is too large": frame(b"a" * (TEXT_MAX + 1)),
    "a length with too many bytes": b"\x81\xfe\x00\x01" + bytes(4) + b"a",
}


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN.keys())
@pytest.mark.parametrize("step", [1, 1 << 20])
def test_everything_else_is_left_to_the_library(foreign: bytes, step: int) -> None:
    data = frame(b"before") + foreign + frame(b"after")
    found = read(FrameReader(TEXT_MAX), data, list(range(step, len(data), step)))
    assert found == [(True, b"before"), (False, foreign), (True, b"after")]


@pytest.mark.parametrize("size", [10, PARTS_BYTES_MIN + 10])
@pytest.mark.parametrize("odd", [b"\xff", b"\xed\xa0\x80", b"\xc3"], ids=["byte", "half", "cut"])
def test_a_text_that_is_none_is_refused_after_those_before_it(size: int, odd: bytes) -> None:
    data = frame(b"good") + frame(b"a" * size + odd)
    stretches = FrameReader(TEXT_MAX).feed(data)
    assert next(stretches) == (b"good", True)
    with pytest.raises(NotTextError):
        next(stretches)


@given(st.binary(max_size=3000), st.binary(min_size=4, max_size=4))
def test_a_mask_comes_off(data: bytes, mask: bytes) -> None:
    expected = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
    assert unmasked(data, mask) == expected


@given(st.data())
def test_pieces_make_no_difference(data: Any) -> None:
    chance = random.Random(data.draw(st.integers(0, 2**32)))
    stream = b"".join(
        chance.choice([*FOREIGN.values(), *(frame(text.encode()) for text in CONTENTS[:4])])
        for _ in range(5)
    )
    cuts = [chance.randrange(len(stream)) for _ in range(4)]
    assert read(FrameReader(TEXT_MAX), stream, cuts) == read(FrameReader(TEXT_MAX), stream, [])
