"""Settings of the screen: keys that stand for other keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import UsageError
from sila_tui.settings import read_settings
from tests.tui.driving import driven, press, shown, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tui.fake_daemon import FakeDaemon


def test_without_a_file_nothing_is_changed(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "tui.toml").keys == {}


def test_keys_are_read(tmp_path: Path) -> None:
    path = tmp_path / "tui.toml"
    path.write_text('[keys]\n"f5" = "s"\n"A" = ""\n', "utf-8")
    assert read_settings(path).keys == {"f5": "s", "A": ""}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = 1\nb =\n", "line 2"),
        ("colour = 1", "there is no setting 'colour'"),
        ("keys = 1", "keys is no table"),
        ("[keys]\nf5 = 3", "'f5' stands for no key"),
        ('[keys]\n"" = "s"', "stands for no key"),
        ("#" * 70_000, "more than 65,536 bytes"),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "tui.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError) as caught:
        read_settings(path)
    assert said in caught.value.message
    assert str(path) in caught.value.message
    assert (caught.value.code, "[keys]" in caught.value.hint) == ("bad_config", True)


@pytest.mark.slow
async def test_keys_of_ones_own_work_and_help_shows_them(daemon: FakeDaemon) -> None:
    keys = {"f5": "S", "A": "", "!": "?"}
    async with driven(daemon, (120, 60), keys=keys) as (app, pilot):
        await press(pilot, "A")
        assert "sila › Activity" not in shown(app)
        await press(pilot, "f5")
        assert "sila › Sync status" in shown(app)
        await press(pilot, "escape", "exclamation_mark")
        await write(pilot, "sync status")
        assert "S f5   Sync status" in shown(app)
        await press(pilot, "escape", "slash")
        await write(pilot, "A")
        assert "/ A" in shown(app)
