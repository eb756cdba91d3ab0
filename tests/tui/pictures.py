"""Which pictures are made of the app: for the README, and to be compared by the snapshot tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from sila_daemon.control.client import ControlClient
from sila_tui.app import SilaApp
from sila_tui.session import Session
from tests.tui import sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.tui.fake_daemon import FakeDaemon


@dataclass(frozen=True)
class Picture:
    """One screen at one size in one theme."""

    name: str
    screen: str
    size: tuple[int, int] = (120, 32)
    is_light: bool = False
    has_daemon: bool = True
    prepare: Callable[[FakeDaemon], None] = lambda _: None


def without_spaces(daemon: FakeDaemon) -> None:
    """As after the first start."""
    daemon.status["spaces"], daemon.events = [], []


def all_safe(daemon: FakeDaemon) -> None:
    """Nothing needs anybody."""
    daemon.status["spaces"] = daemon.status["spaces"][:1]


PICTURES = [
    Picture("home", "home"),
    Picture("home-light", "home", is_light=True),
    Picture("home-small", "home", (80, 24)),
    Picture("home-large", "home", (200, 60)),
    Picture("chat", "space", (120, 40)),
    Picture("chat-light", "space", (120, 40), is_light=True),
    Picture("chat-small", "space", (80, 24)),
    Picture("writing", "write", prepare=all_safe),
    Picture("files", "files", prepare=all_safe),
    Picture("tree", "tree"),
    Picture("tree-small", "tree", (80, 24)),
    Picture("secrets", "secrets", (100, 24)),
    Picture("sync", "sync"),
    Picture("help", "help"),
    Picture("commands", "commands"),
    Picture("new-space", "new"),
    Picture("no-daemon", "home", (100, 24), has_daemon=False),
    Picture("no-spaces", "home", (100, 24), prepare=without_spaces),
]


def app_for(daemon: FakeDaemon, picture: Picture) -> SilaApp:
    """The app at the fixed moment, connected to that daemon."""

    async def connect() -> ControlClient:
        return await ControlClient.connect(daemon.path)

    return SilaApp(
        Session(lambda: sample.NOW, UTC),
        connect,
        socket="~/.local/share/sila-daemon/daemon.sock",
        host="laptop",
        home=sample.HOME,
        is_light=picture.is_light,
    )
