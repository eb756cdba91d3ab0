"""How the activity says a state."""

from __future__ import annotations

import pytest

from sila_daemon.runtime.activity_pump import state_text


@pytest.mark.parametrize(
    ("state", "reason", "text"),
    [
        ("current", "", "current"),
        ("syncing", "the folder is being read", "syncing: the folder is being read"),
        ("offline", "http://home:6001: offline", "offline: http://home:6001"),
        ("offline", "offline", "offline"),
        ("offline", "http://home:6001: refused", "offline: http://home:6001: refused"),
        ("paused", "paused for a while", "paused for a while"),
    ],
)
def test_no_word_stands_twice(state: str, reason: str, text: str) -> None:
    assert state_text(state, reason) == text
