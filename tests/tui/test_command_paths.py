"""Completing paths of this machine in the line of a command, by tab."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.widgets import Input

from sila_tui.command_paths import PathBegun, path_begun
from sila_tui.local_paths import Completion
from tests.tui.driving import burst, driven, press, shown, until

if TYPE_CHECKING:
    from pathlib import Path

    from sila_tui.app import SilaApp
    from tests.tui.fake_daemon import FakeDaemon


@pytest.mark.parametrize(
    ("line", "begun"),
    [
        ("put ~/no", PathBegun("put", "~/no", is_last=False, only_folders=False)),
        ("put '~/my no", PathBegun("put", "~/my no", is_last=False, only_folders=False)),
        (":get ~/my no", PathBegun("get", "~/my no", is_last=True, only_folders=False)),
        ("add ~/Pl", PathBegun("add", "~/Pl", is_last=True, only_folders=True)),
        (
            "create 'My plans' ~/Pl",
            PathBegun("create 'My plans'", "~/Pl", is_last=True, only_folders=True),
        ),
        ("create Plans local://", None),
        ("put ~/notes.md name", None),
        ("put ", None),
        ("open ~/no", None),
        ("nothing ~/no", None),
    ],
)
def test_where_a_path_is_meant(line: str, begun: PathBegun | None) -> None:
    assert path_begun(line) == begun


def test_a_path_with_blanks_is_quoted_where_more_can_follow() -> None:
    first = PathBegun("put", "~/m", is_last=False, only_folders=False)
    last = PathBegun("get", "~/m", is_last=True, only_folders=False)
    assert first.become(Completion("~/my notes.md")) == "put '~/my notes.md'"
    assert first.become(Completion("~/my plans/")) == "put '~/my plans/"
    assert first.become(Completion("~/ana's ", ("a", "b"))) == "put \"~/ana's "
    assert last.become(Completion("~/my notes.md")) == "get ~/my notes.md"
    found = Completion("~/my n", ("my notes.md", "my novels/"))
    assert [each.line for each in first.candidates(found)] == [
        "put '~/my notes.md'",
        "put '~/my novels/",
    ]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder that `~` stands for."""
    (tmp_path / "plans").mkdir()
    for name in ("my notes.md", "plans/autumn.md", "plans/spring.md", "plane.md"):
        (tmp_path / name).write_text("x")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.slow
async def test_tab_completes_a_path_and_lists_what_it_may_become(
    daemon: FakeDaemon, home: Path
) -> None:
    async with driven(daemon) as (app, pilot):
        await burst(pilot, ":open Work files\r")
        await until(pilot, lambda: "sila › Work › Files" in shown(app))
        await burst(pilot, ":put ~/p\t")
        assert _line(app) == "put ~/plan"
        assert "plane.md" in shown(app) and "plans/" in shown(app)
        await burst(pilot, "s\t")
        assert _line(app) == "put ~/plans/"
        await burst(pilot, "\t\t")
        assert _line(app) == "put ~/plans/autumn.md"
        await burst(pilot, "\t")
        assert _line(app) == "put ~/plans/spring.md"
        await burst(pilot, "\t\r")
        await until(pilot, lambda: bool(daemon.called("file.put")))
        assert daemon.called("file.put")[0]["source"] == str(home / "plans/autumn.md")


@pytest.mark.slow
async def test_a_path_with_blanks_can_be_gone_on_with(daemon: FakeDaemon, home: Path) -> None:
    async with driven(daemon) as (app, pilot):
        await burst(pilot, ":open Work files\r")
        await until(pilot, lambda: "sila › Work › Files" in shown(app))
        await burst(pilot, ":put ~/m\t\t")
        assert _line(app) == "put '~/my notes.md'"
        await burst(pilot, " new.md\r")
        await until(pilot, lambda: bool(daemon.called("file.put")))
        put = daemon.called("file.put")[0]
        assert (put["source"], put["path"]) == (str(home / "my notes.md"), "new.md")


@pytest.mark.slow
@pytest.mark.usefixtures("home")
async def test_a_folder_that_cannot_be_read_is_told(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "colon")
        await burst(pilot, "add ~/plane.md/\t")
        assert "~/plane.md cannot be read: Not a directory" in shown(app)


def _line(app: SilaApp) -> str:
    return app.screen.query_one(Input).value
