"""Which pictures are made of the app: for the README, and to be compared by the snapshot tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.control.client import ControlClient
from sila_tui.app import SilaApp
from sila_tui.clipboard import Clipboard
from sila_tui.session import Session
from tests.tui import sample

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sila_tui.memory import Memory
    from tests.tui.fake_daemon import FakeDaemon

COMPARED = Path(__file__).parent / "snapshots"
SHOWN = Path(__file__).parents[2] / "screenshots"


@dataclass(frozen=True)
class Picture:
    """One screen at one size in one theme."""

    name: str
    screen: str
    size: tuple[int, int] = (120, 32)
    is_light: bool = False
    theme: str = ""
    """Another look than the two by name."""
    has_daemon: bool = True
    prepare: Callable[[FakeDaemon], None] = lambda _: None
    is_shown: bool = True
    """Whether it is kept in screenshots/ for people, or only compared by the tests."""

    @property
    def path(self) -> Path:
        """Where its SVG is kept."""
        return (SHOWN if self.is_shown else COMPARED) / f"{self.name}.svg"


def without_spaces(daemon: FakeDaemon) -> None:
    """As after the first start."""
    daemon.status["spaces"], daemon.events = [], []


def all_safe(daemon: FakeDaemon) -> None:
    """Nothing needs anybody."""
    daemon.status["spaces"] = daemon.status["spaces"][:1]


HARD = """\
# 中文 日本語 한국어
العربية עברית हिन्दी and 👩‍👩‍👧‍👦 👍🏽 in a line of text that is long enough to be broken in two.

<b>html</b> &amp; ![picture](https://example.org/a.png) [link](https://example.org)

| 名前 | n |
|---|--:|
| 豆 | 1 |
"""


def hard_text(daemon: FakeDaemon) -> None:
    """Wide characters, joined emoji, right to left, control characters, lone surrogates, HTML."""
    first, answer, *_ = sample.chat_messages()
    first["text"] = "Control \x1b[31m\x07 chars, RTL \u202e override, half an emoji \ud83d."
    daemon.messages[sample.COFFEE] = [first, {**answer, "text": HARD, "model": "模型-1"}]
    daemon.status["spaces"] = [
        sample.space(sample.WORK, "日本語の練習 🙂 \ud83d", f"{sample.HOME}/工作", "current")
    ]


HARD_NAMES = (
    "日本語のとても長い名前がここにあります",
    "اسم طويل بالعربية لملف من الملفات",
    "👩‍👩‍👧‍👦 👍🏽 🇧🇪 é family",
    "שם בעברית 12 x",
    "half \ud83d, bidi \u202e gpj.exe, tab\there",
)


def hard_names(daemon: FakeDaemon) -> None:
    """Everything is called by wide, joined, combined and right-to-left characters."""
    hard_text(daemon)
    for tree in daemon.vertices.values():
        named = [row["properties"] for row in tree.values() if "name" in row["properties"]]
        # What holds the others keeps its name: it says what a tree is for.
        for at, properties in enumerate(named[2:]):
            if properties["name"] not in ("threads", "files", "messages"):
                properties["name"] = HARD_NAMES[at % len(HARD_NAMES)]
    daemon.away |= {row["path"] for row in daemon.files[:2]}


def refused_ops(daemon: FakeDaemon) -> None:
    """A server refused two ops of the first space, and sent one that is none."""
    remote = daemon.status["spaces"][0]["remotes"][1]
    remote.update(
        state="needs_you", reason="2 ops refused", pendingOps=14, refusedOps=2, setAsideOps=1,
        head=88200, oldestPendingAt=sample.ms(4000),
    )  # fmt: skip
    daemon.status["spaces"][0].update(state="needs_you", reason="backup.example refused 2 ops")
    daemon.outbox = sample.outbox()


def files_on_their_way(daemon: FakeDaemon) -> None:
    """Files come and go, and some are left on the servers."""
    work, home = daemon.status["spaces"][:2]
    work.update(
        state="syncing", reason="", filesAway=12, bytesAway=3_000_000_000,
        fetch={"onDemand": False, "newerThanDays": 365, "upToBytes": 500_000_000},
    )  # fmt: skip
    home["fetch"] = {"onDemand": True, "newerThanDays": None, "upToBytes": None}
    daemon.transfers = {
        "revision": 1, "transfers": sample.transfers(), "totals": sample.transfer_totals()
    }  # fmt: skip


def lots_of_everything(daemon: FakeDaemon) -> None:
    """More spaces than fit."""
    daemon.status["spaces"] = [
        sample.space(f"{at:032x}", f"Space number {at}", f"{sample.HOME}/s/{at}", "current")
        for at in range(100)
    ]


PICTURES = [
    Picture("home", "home"),
    Picture("home-light", "home", is_light=True),
    Picture("home-small", "home", (80, 24)),
    Picture("home-terminal", "home", theme="sila-terminal"),
    Picture("home-large", "home", (200, 60)),
    Picture("chat", "space", (120, 40)),
    Picture("chat-light", "space", (120, 40), is_light=True),
    Picture("chat-small", "space", (80, 24)),
    Picture("writing", "write", prepare=all_safe),
    Picture("split", "split", (160, 40), prepare=all_safe),
    Picture("split-small", "split", (80, 24)),
    Picture("split-light", "split", (200, 60), is_light=True, is_shown=False),
    Picture("files", "files", (140, 36), prepare=all_safe),
    Picture("trash", "trash", (100, 24), prepare=all_safe),
    Picture("tree", "tree"),
    Picture("tree-small", "tree", (80, 24)),
    Picture("secrets", "secrets", (100, 24)),
    Picture("sync", "sync"),
    Picture("transfers", "sync", prepare=files_on_their_way),
    Picture("outbox", "outbox", (110, 24), prepare=refused_ops),
    Picture("activity", "activity"),
    Picture("search", "search"),
    Picture("help", "help"),
    Picture("commands", "commands"),
    Picture("command", "command"),
    Picture("command-small", "command", (80, 24), is_light=True, is_shown=False),
    Picture("new-space", "new"),
    Picture("no-daemon", "home", (100, 24), has_daemon=False),
    Picture("no-spaces", "home", (100, 24), prepare=without_spaces),
    Picture("hard-text", "space", (100, 30), prepare=hard_text, is_shown=False),
    Picture("hard-text-home", "home", (80, 24), prepare=hard_text, is_shown=False),
    Picture("many-spaces", "home", (80, 24), prepare=lots_of_everything, is_shown=False),
    Picture("preview-small", "preview", (80, 24), is_light=True, is_shown=False),
    Picture("files-100", "files", (100, 30), is_shown=False),
    Picture("files-large", "files", (200, 60), is_light=True, is_shown=False),
    Picture("transfers-small", "sync", (80, 24), prepare=files_on_their_way, is_shown=False),
    Picture("transfers-home", "home", (100, 30), prepare=files_on_their_way, is_shown=False),
    Picture("picture", "picture", (120, 32), prepare=all_safe, is_shown=False),
    Picture("sync-refused", "sync", (80, 24), prepare=refused_ops, is_shown=False),
    Picture("activity-small", "activity", (80, 24), is_light=True, is_shown=False),
    Picture("search-small", "search", (80, 24), is_light=True, is_shown=False),
    Picture("chat-terminal", "space", (80, 40), theme="sila-terminal", is_shown=False),
    Picture("new-terminal", "new", (80, 24), theme="sila-terminal", is_shown=False),
    Picture("files-terminal", "files", (120, 30), theme="sila-terminal", is_shown=False),
    Picture("tree-light", "tree", is_light=True, is_shown=False),
    Picture("sync-light", "sync", is_light=True, is_shown=False),
]


def app_for(
    daemon: FakeDaemon,
    picture: Picture,
    cache: Path | None = None,
    memory: Memory | None = None,
    keys: Mapping[str, str] | None = None,
) -> SilaApp:
    """The app at the fixed moment, connected to that daemon."""

    session = Session(lambda: sample.NOW, UTC, memory=memory)

    async def connect() -> ControlClient:
        return await ControlClient.connect(daemon.path, session.calls.note)

    app = SilaApp(
        session,
        connect,
        socket="~/.local/share/sila-daemon/daemon.sock",
        host="laptop",
        home=sample.HOME,
        is_light=picture.is_light,
        cache=cache,
        keys=keys,
        # Nobody's clipboard is changed by a test.
        clip=Clipboard({"TERM": "xterm"}, "linux"),
    )
    if picture.theme:
        app.theme = picture.theme
    return app
