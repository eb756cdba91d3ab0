"""What a preview shows of a file, from its first bytes: text, Markdown, JSON, or facts about it."""

from __future__ import annotations

import codecs
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_tui.image_facts import image_facts
from sila_tui.png_pixels import read_png, shrunk
from sila_tui.words import clean_lines, size

if TYPE_CHECKING:
    from sila_tui.files import FileEntry
    from sila_tui.png_pixels import Pixels

LINES_MAX = 2000
LINE_CHARACTERS_MAX = 2000
HEX_BYTES = 256
PICTURE_SIDE_MAX = 120
"""Pixels that are kept of each side of a picture: a preview has room for little more."""


@dataclass(frozen=True)
class Preview:
    """Something to show; `kind` is `text`, `markdown`, `json`, `bytes`, `picture` or `nothing`."""

    kind: str
    text: str = ""
    note: str = ""
    """What else there is to say, in one line."""
    picture: Pixels | None = None


def preview_of(entry: FileEntry, data: bytes, *, is_whole: bool) -> Preview:
    """Decides by what is in the bytes rather than by what the file is called."""
    picture = image_facts(data)
    if picture is not None:
        pixels = f"{picture.width:,} x {picture.height:,} pixels"
        return _picture(data, f"{picture.kind} picture, {pixels}", is_whole=is_whole)
    if not data:
        return Preview("nothing", note="an empty file")
    text = _text_of(data, is_whole=is_whole)
    if text is None:
        return Preview("bytes", _hex(data[:HEX_BYTES]), "not text: its first bytes")
    shown, is_cut = _cut(clean_lines(text))
    note = "" if is_whole and not is_cut else f"the first {size(len(data))}"
    if entry.name.lower().endswith((".md", ".markdown")) or entry.mime == "text/markdown":
        return Preview("markdown", shown, note)
    if is_whole and (entry.name.lower().endswith(".json") or entry.mime == "application/json"):
        pretty = _pretty(text)
        if pretty is not None:
            return Preview("json", _cut(clean_lines(pretty))[0], note)
    return Preview("text", shown, note)


def _picture(data: bytes, note: str, *, is_whole: bool) -> Preview:
    pixels = read_png(data) if is_whole else None
    if pixels is None:
        return Preview("nothing", note=note)
    return Preview("picture", note=note, picture=shrunk(pixels, PICTURE_SIDE_MAX))


def _text_of(data: bytes, *, is_whole: bool) -> str | None:
    """The bytes as UTF-8, without a character that was cut at the end; None for what is none."""
    if b"\0" in data:
        return None
    try:
        return codecs.getincrementaldecoder("utf-8-sig")().decode(data, final=is_whole)
    except UnicodeDecodeError:
        return None


def _cut(text: str) -> tuple[str, bool]:
    lines = text.split("\n")
    kept = [line[:LINE_CHARACTERS_MAX] for line in lines[:LINES_MAX]]
    return "\n".join(kept), kept != lines


def _pretty(text: str) -> str | None:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return None


def _hex(data: bytes) -> str:
    rows = (data[at : at + 16] for at in range(0, len(data), 16))
    return "\n".join(
        f"{row.hex(' '):<48} " + "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        for row in rows
    )
