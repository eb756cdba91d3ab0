"""The terminal goes away: the app ends, and what was half written is there the next time."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.tui.terminals import PATIENCE_S, PtyTerminal, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[PtyTerminal]:
    env = {**os.environ, "SILA_HOME": str(tmp_path)}
    terminal = PtyTerminal([sys.executable, "-m", "sila_tui"], env, (80, 24))
    until(terminal, lambda text: "daemon" in text)
    yield terminal
    terminal.close()


@pytest.mark.slow
def test_the_app_ends_when_its_terminal_is_gone_and_no_signal_tells(shown: PtyTerminal) -> None:
    assert shown.is_running
    shown.hang_up()
    assert shown.process.wait(PATIENCE_S) is not None
    assert not shown.is_running


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_ends_it_in_good_order(shown: PtyTerminal, number: signal.Signals) -> None:
    shown.process.send_signal(number)
    while shown.is_running:
        shown.wait_for_news(0.1)
    assert shown.process.returncode == 0, "not by the signal: drafts were kept, the screen restored"
