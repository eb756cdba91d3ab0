"""Draws screenshots/*.svg, and *.png where a monospace font is installed: `make screenshots`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import resvg_py

from sila_tui.screenshot import draw
from tests.tui.fake_daemon import FakeDaemon
from tests.tui.pictures import COMPARED, PICTURES, SHOWN, Picture, app_for
from tests.tui.sizes import VIEWS, View, texts_of

if TYPE_CHECKING:
    from collections.abc import Sequence

FONT_DIRS = ["/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts"]
FONT = "DejaVu Sans Mono"


async def write_down(view: View) -> None:
    """Keeps what a screen says at each size."""
    with tempfile.TemporaryDirectory() as place:
        daemon = FakeDaemon(Path(place, "d.sock"))
        await daemon.start()
        try:
            text = await texts_of(view, daemon)
        finally:
            await daemon.stop()
    view.path.write_text(text, encoding="utf-8")
    print(f"{view.path.name:<24} as text")


async def make(picture: Picture) -> None:
    """Draws one picture where it is kept."""
    with tempfile.TemporaryDirectory() as place:
        daemon = FakeDaemon(Path(place, "d.sock"))
        picture.prepare(daemon)
        if picture.has_daemon:
            await daemon.start()
        try:
            svg = await draw(app_for(daemon, picture), picture.screen, picture.size)
        finally:
            await daemon.stop()
    picture.path.write_text(svg, encoding="utf-8")
    if has_font() and picture.is_shown:
        png = resvg_py.svg_to_bytes(svg_string=svg, monospace_family=FONT, font_dirs=FONT_DIRS)
        picture.path.with_suffix(".png").write_bytes(bytes(png))
    print(f"{picture.name:<24} {picture.size[0]}x{picture.size[1]}")


def has_font() -> bool:
    """Whether the font that the pictures are drawn with is installed."""
    places = (Path(place) for place in FONT_DIRS)
    return any(any(place.rglob("DejaVuSansMono.ttf")) for place in places if place.is_dir())


def main(names: Sequence[str]) -> None:
    """Draws the pictures of those names, all of them when there are none."""
    SHOWN.mkdir(exist_ok=True)
    COMPARED.mkdir(exist_ok=True)
    for picture in PICTURES:
        if not names or picture.name in names:
            asyncio.run(make(picture))
    for view in VIEWS:
        if not names or view.path.name in names:
            asyncio.run(write_down(view))
    if not has_font():
        print(f"{FONT} is not installed (apt install fonts-dejavu-core): only SVG was made")


if __name__ == "__main__":
    main(sys.argv[1:])
