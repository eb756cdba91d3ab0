"""Commands under test never meet the daemon of whoever runs the tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Moves everything of the daemon to a fresh folder."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("SILA_HOME", str(home))
    return home
