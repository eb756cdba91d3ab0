"""Every screen, at several sizes and in both themes, looks as it did when somebody last looked.

`make screenshots` draws the pictures anew: look at each one before committing it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

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
async def test_without_colours_the_same_is_said(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_COLOR leaves greys; signs and words carry the state alone."""
    monkeypatch.setenv("NO_COLOR", "1")
    svg = await draw(app_for(daemon, PICTURES[0]), "home", (120, 32))
    body = svg.partition("</circle>")[2] or svg.partition("<circle")[2]
    used = set(re.findall(r"fill[:=] ?\"?#([0-9a-f]{6})", body))
    chrome = {"ff5f57", "febc2e", "28c840", "c5c8c6", "292929"}
    greys = {colour for colour in used if len({colour[:2], colour[2:4], colour[4:]}) == 1}
    assert used - greys - chrome == set()
    for sign in "●◐○‖":
        assert sign in svg


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
