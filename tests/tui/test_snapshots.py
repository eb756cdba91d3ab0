"""Every screen, at several sizes and in both themes, looks as it did when somebody last looked.

`make screenshots` draws the pictures anew: look at each one before committing it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from textual.filter import NoColor

from sila_tui.screenshot import draw
from tests.tui.pictures import COMPARED, PICTURES, SHOWN, Picture, app_for

if TYPE_CHECKING:
    from tests.tui.fake_daemon import FakeDaemon

ADDRESS = re.compile(r"https?://[^\s\"'<)]+")


@pytest.mark.slow
@pytest.mark.parametrize("picture", [pytest.param(each, id=each.name) for each in PICTURES])
async def test_a_screen_looks_as_it_did(picture: Picture, daemon: FakeDaemon) -> None:
    picture.prepare(daemon)
    if not picture.has_daemon:
        await daemon.stop()
    svg = await draw(app_for(daemon, picture), picture.screen, picture.size)
    kept = picture.path.read_text(encoding="utf-8")
    assert svg == kept, f"{picture.name} has changed: see it with make screenshots"


@pytest.mark.slow
@pytest.mark.parametrize("screen", ["home", "space", "files", "sync", "new", "command"])
async def test_without_colours_the_same_is_said(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch, screen: str
) -> None:
    """NO_COLOR leaves what the terminal has by itself; signs and words carry the state alone."""
    coloured = await draw(app_for(daemon, PICTURES[0]), screen, (120, 32))
    monkeypatch.setenv("NO_COLOR", "1")
    app = app_for(daemon, PICTURES[0])
    svg = await draw(app, screen, (120, 32))
    # The picture has its own ground and text, and what is faint lies between them.
    assert [one for one in used_colours(svg) if spread(one) > 3] == []
    assert max(spread(one) for one in used_colours(coloured)) > 20
    assert any(isinstance(each, NoColor) for each in app._filters)
    if screen == "home":
        assert words(svg) == words(coloured)
        for sign in "●◐○‖":
            assert sign in svg


def used_colours(svg: str) -> set[str]:
    """The colours of a picture, without those of its frame."""
    body = svg.rpartition("</circle>")[2] or svg.rpartition("<circle")[2]
    frame = {"ff5f57", "febc2e", "28c840"}
    return set(re.findall(r"fill[:=] ?\"?#([0-9a-f]{6})", svg + body)) - frame


def spread(colour: str) -> int:
    """How far a colour is from grey."""
    parts = [int(colour[at : at + 2], 16) for at in (0, 2, 4)]
    return max(parts) - min(parts)


def words(svg: str) -> list[str]:
    """What a picture says, without spaces."""
    return "".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg)).replace("&#160;", "").split()


def test_pictures_refer_to_nothing_outside_themselves() -> None:
    for folder in (SHOWN, COMPARED):
        for path in folder.glob("*.svg"):
            text = path.read_text(encoding="utf-8")
            found = set(ADDRESS.findall(text)) - {"http://www.w3.org/2000/svg"}
            assert found <= {"https://example.org"}, f"{path.name} names {found}"
            assert "@font-face" not in text


def test_no_picture_is_left_over() -> None:
    kept = {path for folder in (SHOWN, COMPARED) for path in folder.glob("*.svg")}
    assert kept == {picture.path for picture in PICTURES}
