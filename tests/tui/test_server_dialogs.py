"""Signing in, bringing a space from a server and mirroring one, by keys."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sila_tui.link import CALL_S_MAX, PATIENT
from tests.tui import sample
from tests.tui.driving import driven, press, shown, until, write
from tests.tui.fake_daemon import FakeDaemon, Refused

if TYPE_CHECKING:
    from typing import Any

    from sila_tui.app import SilaApp

pytestmark = pytest.mark.slow

HOME, BACKUP = "https://home.example", "https://backup.example:6001"
FAR = "f" * 32


def account(url: str, reason: str = "") -> dict[str, Any]:
    """A server that somebody is signed in to."""
    return {"url": url, "email": "me@example.org", "store": "file", "signedIn": not reason,
            "reason": reason}  # fmt: skip


def signed_in(daemon: FakeDaemon) -> None:
    """Two accounts; the first has a space that is here and two that are not."""
    daemon.servers = [account(HOME), account(BACKUP, "sign in again")]
    daemon.remote_spaces = {
        HOME: [
            {"id": sample.WORK, "name": "Work", "role": "owner"},
            {"id": FAR, "name": "Far \x1b[31maway", "role": "editor"},
            {"id": "e" * 32, "name": None, "role": "viewer"},
        ],
        BACKUP: [{"id": sample.WORK, "name": "Work", "role": "owner"}],
    }


async def test_a_space_is_chosen_from_what_the_account_has(daemon: FakeDaemon) -> None:
    signed_in(daemon)
    async with driven(daemon) as (app, pilot):
        await press(pilot, "c")
        await until(pilot, lambda: "which server?" in shown(app))
        for words in ("home.example", "me@example.org", "backup.example:6001", "sign in again",
                      "another one"):  # fmt: skip
            assert words in shown(app)
        await press(pilot, "enter")
        await until(pilot, lambda: "Bring which space?" in shown(app))
        assert "\x1b" not in shown(app) and "eeeeeeee" in shown(app) and "viewer" in shown(app)
        assert "owner" not in shown(app), "what is here already is not offered"
        await press(pilot, "enter")
        await until(pilot, lambda: "Into the folder" in shown(app))
        await write(pilot, "~/Sila/Far")
        await press(pilot, "enter")
        await until(pilot, lambda: "is coming" in shown(app))
        path = str(Path.home() / "Sila/Far")
        assert daemon.called("space.clone") == [
            {"url": HOME, "id": FAR, "path": path, "secrets": "keep"}
        ]


async def test_a_space_without_a_folder_and_with_its_secrets(daemon: FakeDaemon) -> None:
    signed_in(daemon)
    async with driven(daemon) as (app, pilot):
        await press(pilot, "c")
        await until(pilot, lambda: "which server?" in shown(app))
        await press(pilot, "enter")
        await until(pilot, lambda: "Bring which space?" in shown(app))
        await press(pilot, "j", "enter")
        await until(pilot, lambda: "Into the folder" in shown(app))
        await press(pilot, "down", "ctrl+u")
        await write(pilot, "all")
        await press(pilot, "enter")
        assert "It is one of: keep, mirror" in shown(app)
        assert daemon.called("space.clone") == []
        await press(pilot, "ctrl+u")
        await write(pilot, "mirror")
        await press(pilot, "enter")
        await until(pilot, lambda: len(daemon.called("space.clone")) == 1)
        assert daemon.called("space.clone") == [{"url": HOME, "id": "e" * 32, "secrets": "mirror"}]


async def test_a_server_with_nothing_new_says_so(daemon: FakeDaemon) -> None:
    signed_in(daemon)
    async with driven(daemon) as (app, pilot):
        await press(pilot, "c")
        await until(pilot, lambda: "which server?" in shown(app))
        await press(pilot, "j", "enter")
        await until(pilot, lambda: "nothing to bring" in shown(app))
        daemon.refusals["space.remote_list"] = Refused("unreachable", "it does not answer", "wait")
        await press(pilot, "c")
        await until(pilot, lambda: "which server?" in shown(app))
        await press(pilot, "enter")
        await until(pilot, lambda: "it does not answer" in shown(app))
        await press(pilot, "c")
        await until(pilot, lambda: "which server?" in shown(app))
        await press(pilot, "escape")
        await until(pilot, lambda: "which server?" not in shown(app))
        assert daemon.called("space.clone") == []


async def test_without_an_account_one_signs_in_on_the_way(daemon: FakeDaemon) -> None:
    daemon.remote_spaces[HOME] = [{"id": FAR, "name": "Far", "role": "owner"}]
    async with driven(daemon) as (app, pilot):
        await press(pilot, "c")
        await until(pilot, lambda: "Password" in shown(app))
        for text in (HOME, "me@example.org", "sesame"):
            await write(pilot, text)
            await press(pilot, "enter")
        await until(pilot, lambda: "Bring which space?" in shown(app))
        assert "sesame" not in shown(app)
        assert daemon.called("server.login") == [
            {"url": HOME, "email": "me@example.org", "password": "sesame"}
        ]
        await press(pilot, "escape")
        assert daemon.called("space.clone") == []


async def test_a_refused_sign_in_is_told(daemon: FakeDaemon) -> None:
    daemon.refusals["server.login"] = Refused("sign_in_needed", "wrong password", "try again", 5)
    async with driven(daemon) as (app, pilot):
        await press(pilot, "i")
        await until(pilot, lambda: "Password" in shown(app))
        for text in (HOME, "a@b.c", "x"):
            await write(pilot, text)
            await press(pilot, "enter")
        await until(pilot, lambda: "wrong password" in shown(app))
        assert "wrong password" in shown(app)


async def test_a_space_is_mirrored_to_a_server_that_it_lacks(daemon: FakeDaemon) -> None:
    signed_in(daemon)
    daemon.status["spaces"][0]["remotes"] = [sample.remote(HOME, "current")]
    async with driven(daemon) as (app, pilot):
        await press(pilot, "m")
        await until(pilot, lambda: "Mirror Work to which server?" in shown(app))
        assert "backup.example:6001" in shown(app)
        await press(pilot, "enter")
        await until(pilot, lambda: "the server reads them" in shown(app))
        await press(pilot, "enter")
        await until(pilot, lambda: "from now on" in shown(app))
        assert daemon.called("space.add_server") == [
            {"space": sample.WORK, "url": BACKUP, "secrets": "keep"}
        ]


async def test_a_folder_is_added_by_its_absolute_path(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "a")
        await press(pilot, "enter")
        assert "Folder of the space is needed" in shown(app)
        await write(pilot, "~/My notes")
        await press(pilot, "enter")
        await until(pilot, lambda: "looked after" in shown(app))
        assert daemon.called("space.add") == [{"path": str(Path.home() / "My notes")}]


def test_what_waits_for_a_server_is_not_given_up() -> None:
    assert CALL_S_MAX < 60
    assert {"space.sync", "space.clone", "space.remote_list", "server.login"} <= PATIENT
    assert "chat.show" not in PATIENT


def fits(app: SilaApp, width: int) -> bool:
    """Whether no line of the screen is longer."""
    return max(map(len, shown(app).splitlines())) <= width


async def test_the_state_is_said_at_every_width(daemon: FakeDaemon) -> None:
    daemon.status["spaces"][0]["reason"] = "a reason that is longer than any line " * 5
    daemon.status["spaces"][0]["state"] = "broken"
    async with driven(daemon, (80, 24)) as (app, pilot):
        for width in (200, 120, 100, 99, 80, 60, 40):
            await pilot.resize_terminal(width, 24)
            # The screen of the width before may still stand there.
            await until(pilot, partial(fits, app, width))
            assert "✕" in shown(app).splitlines()[0]


async def test_a_remote_that_needs_somebody_is_not_blamed_on_the_folder(daemon: FakeDaemon) -> None:
    row = sample.space(sample.WORK, "Work", "/x", "needs_you")
    row["reason"] = "sign in again"
    row["remotes"] = [{**sample.remote(HOME, "needs_you"), "reason": "sign in again"}]
    daemon.status["spaces"] = [row]
    async with driven(daemon) as (app, pilot):
        await until(pilot, lambda: "sign in again" in shown(app))
        assert "● folder" in shown(app)


async def test_the_palette_goes_to_parts_of_a_space(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "enter", "ctrl+p")
        await write(pilot, "go to secrets")
        await until(pilot, lambda: "in this space" in shown(app))
        await press(pilot, "enter")
        await until(pilot, lambda: "› Secrets" in shown(app))
        assert "› Secrets" in shown(app)
