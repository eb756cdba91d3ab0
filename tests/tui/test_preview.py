"""What a preview makes of the first bytes of a file."""

from __future__ import annotations

import struct

import pytest

from sila_tui.files import FileEntry
from sila_tui.image_facts import image_facts
from sila_tui.preview import LINES_MAX, Preview, preview_of


def preview(name: str, data: bytes, *, is_whole: bool = True) -> Preview:
    """The preview of a file of that name."""
    entry = FileEntry.read({"path": name, "tree": "t", "vertex": "v"})
    return preview_of(entry, data, is_whole=is_whole)


@pytest.mark.parametrize(
    ("name", "data", "kind", "text"),
    [
        ("a.md", b"# Title", "markdown", "# Title"),
        ("a.json", b'{"b":[1]}', "json", '{\n  "b": [\n    1\n  ]\n}'),
        ("a.json", b"{torn", "text", "{torn"),
        ("a.py", "\ufeffprint('é')".encode(), "text", "print('é')"),
        ("a", b"", "nothing", ""),
        ("evil.txt", b"red \x1b[31m text\r\nbell \x07", "text", "red \ufffd[31m text\nbell \ufffd"),
    ],
)
def test_text_is_told_by_what_it_is(name: str, data: bytes, kind: str, text: str) -> None:
    found = preview(name, data)
    assert (found.kind, found.text) == (kind, text)


def test_what_is_no_text_is_shown_as_bytes() -> None:
    assert preview("a.txt", b"\x00\xffAB~").text == f"{'00 ff 41 42 7e':<48} ..AB~"
    assert preview("a.txt", b"\xff\xfe\x41").kind == "bytes"
    assert preview("a.bin", b"\0" * 70_000).text.count("\n") == 15


def test_a_character_that_was_cut_at_the_end_is_left_out() -> None:
    data = "caffè".encode()[:-1]
    assert preview("a.txt", data, is_whole=False).text == "caff"
    assert preview("a.txt", data).kind == "bytes"


def test_a_long_file_is_cut_and_says_so() -> None:
    found = preview("a.txt", b"x\n" * 5000, is_whole=False)
    assert found.text.count("\n") == LINES_MAX - 1
    assert found.note == "the first 10 kB"
    assert preview("a.txt", b"short").note == ""
    assert len(preview("a.json", b'"' + b"x" * 9000 + b'"').text) == 2000


JPEG = b"\xff\xd8\xff\xe0\0\4ab\xff\xc4\0\3x\xff\xc2\0\x11\x08" + struct.pack(">HH", 480, 640)


@pytest.mark.parametrize(
    ("data", "kind", "width", "height"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 1280, 720), "PNG", 1280, 720),
        (b"GIF89a" + struct.pack("<HH", 10, 20), "GIF", 10, 20),
        (b"BM" + b"\0" * 16 + struct.pack("<ii", 7, -9), "BMP", 7, 9),
        (b"RIFF\0\0\0\0WEBPVP8X" + b"\0" * 8 + b"\x3f\1\0\xef\0\0", "WebP", 320, 240),
        (b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0/" + struct.pack("<I", 319 | 239 << 14) + b"\0" * 9,
         "WebP", 320, 240),
        (b"RIFF\0\0\0\0WEBPVP8 " + b"\0" * 10 + struct.pack("<HH", 320, 240), "WebP", 320, 240),
        (JPEG, "JPEG", 640, 480),
    ],
)  # fmt: skip
def test_pictures_tell_their_size(data: bytes, kind: str, width: int, height: int) -> None:
    found = image_facts(data)
    assert found is not None
    assert (found.kind, found.width, found.height) == (kind, width, height)
    assert f"{kind} picture, {width:,} x {height:,} pixels" in preview("a", data).note


@pytest.mark.parametrize("length", range(len(JPEG)))
def test_a_torn_picture_is_no_picture(length: int) -> None:
    assert image_facts(JPEG[:length]) is None


def test_a_jpeg_that_claims_segments_without_length_ends() -> None:
    assert image_facts(b"\xff\xd8\xff" + b"\xe0\0\0\xff" * 2000) is None
