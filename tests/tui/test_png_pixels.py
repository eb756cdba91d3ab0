"""Small pictures are decoded, and shown with two pixels in a cell."""

from __future__ import annotations

import struct
import zlib

import pytest

from sila_tui.png_pixels import PIXELS_MAX, half_blocks, read_png, shrunk
from tests.tui.png_maker import png


def colours(data: bytes) -> list[list[tuple[int, ...]]] | None:
    """All pixels of a picture."""
    pixels = read_png(data)
    if pixels is None:
        return None
    return [[pixels.at(x, y) for x in range(pixels.width)] for y in range(pixels.height)]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_filter_and_kind_of_colour(channels: int) -> None:
    def pixel(x: int, y: int) -> tuple[int, ...]:
        return tuple((37 * x + 91 * y + 53 * at * (x ^ y)) % 256 for at in range(channels))

    def meant(x: int, y: int) -> tuple[int, ...]:
        *shown, last = pixel(x, y)
        match channels:
            case 1:
                return last, last, last, 255
            case 2:
                return shown[0], shown[0], shown[0], last
            case 3:
                return *shown, last, 255
        return pixel(x, y)

    found = colours(png(9, 10, pixel))
    assert found == [[meant(x, y) for x in range(9)] for y in range(10)]


def test_a_palette_with_opacity() -> None:
    data = png(3, 1, lambda x, _: (x,), palette=b"\x01\x02\x03\x04\x05\x06", opacity=b"\x07")
    assert colours(data) == [[(1, 2, 3, 7), (4, 5, 6, 255), (0, 0, 0, 0)]]


def test_what_is_torn_or_unusual_is_none() -> None:
    whole = png(4, 4, lambda x, y: (x, y, 0))
    assert colours(whole) is not None
    assert all(read_png(whole[:length]) is None for length in range(len(whole)))
    assert read_png(png(4, 4, lambda x, y: (x, y, 0), interlaced=True)) is None
    assert read_png(whole.replace(b"\x08\x02\x00", b"\x10\x02\x00", 1)) is None


def test_a_small_file_does_not_become_a_great_picture() -> None:
    def of_size(width: int, height: int, rows: bytes) -> bytes:
        header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
        whole = b"\x89PNG\r\n\x1a\n"
        for name, body in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
            whole += struct.pack(">I", len(body)) + name + body + bytes(4)
        return whole

    assert read_png(of_size(PIXELS_MAX + 1, 1, bytes(PIXELS_MAX + 2))) is None
    assert read_png(of_size(65_535, 65_535, bytes(1000))) is None
    found = read_png(of_size(2, 1, bytes(10_000_000)))
    assert found is not None and len(found.rows) == 1, "what is beyond the size is not unpacked"


def test_two_pixels_share_a_cell_and_proportions_stay() -> None:
    picture = read_png(png(4, 3, lambda x, y: (10 * x, 10 * y, 0)))
    assert picture is not None
    cells = half_blocks(picture, 80, 24)
    assert [len(row) for row in cells] == [4, 4], "never larger than it is"
    assert cells[0][1] == ((10, 0, 0, 255), (10, 10, 0, 255))
    assert cells[1][1] == ((10, 20, 0, 255), (0, 0, 0, 0)), "nothing is below an odd last line"
    wide = read_png(png(100, 20, lambda x, y: (x, y, 0)))
    assert wide is not None
    cells = half_blocks(wide, 50, 40)
    assert (len(cells[0]), len(cells)) == (50, 5)


def test_a_smaller_picture_has_the_mean_of_what_it_stands_for() -> None:
    picture = read_png(png(4, 4, lambda x, y: (255, 0, 0, 255) if x < 2 else (0, 0, 255, 0)))
    assert picture is not None
    small = shrunk(picture, 2)
    assert (small.width, small.height) == (2, 2)
    assert [small.at(x, 0) for x in range(2)] == [(255, 0, 0, 255), (0, 0, 0, 0)]
    tiny = shrunk(picture, 1)
    assert tiny.at(0, 0) == (255, 0, 0, 127), "what is seen through gives no colour"
    assert shrunk(picture, 4) is picture
