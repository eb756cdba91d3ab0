"""Every screen says what it is meant to at three sizes, in dark and in light."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tui.sizes import KEPT, VIEWS, View, texts_of

if TYPE_CHECKING:
    from tests.tui.fake_daemon import FakeDaemon


@pytest.mark.slow
@pytest.mark.parametrize("view", [pytest.param(each, id=each.name) for each in VIEWS])
async def test_a_screen_says_what_it_did_at_every_size(view: View, daemon: FakeDaemon) -> None:
    text = await texts_of(view, daemon)
    kept = view.path.read_text(encoding="utf-8")
    assert text == kept, f"{view.path.name} has changed: make screenshots, then see its diff"


def test_no_text_is_left_over() -> None:
    assert set(KEPT.glob("*.txt")) == {view.path for view in VIEWS}
