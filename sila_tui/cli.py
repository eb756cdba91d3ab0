"""The entry of `sila-tui`: reads arguments, opens the screen, or draws it for docs and pipes.

Textual takes a third of a second to import, so what does not need a screen does without it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.core.errors import NotFoundError, SilaError, StorageError, UsageError
from sila_daemon.paths import user_paths
from sila_tui.words import ASCII, UNICODE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sila_daemon.control.client import ControlClient, Observe
    from sila_tui.app import SilaApp
    from sila_tui.facts import SpaceFacts
    from sila_tui.session import Session

INTERRUPTED = 130
SIZE = re.compile(r"(\d{2,3})x(\d{2,3})")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program; returns the exit code that commands.md promises."""
    parsed = _parser().parse_args(arguments)
    try:
        if parsed.plain:
            return asyncio.run(_print_plain(parsed))
        if parsed.screenshot:
            return _screenshot(parsed)
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise UsageError(
                "this is not a terminal", hint="print what the screen would say with --plain"
            )
        _app(parsed).run()
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except SilaError as error:
        print(f"sila-tui: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sila-tui", description="Shows and edits what the Sila daemon looks after."
    )
    parser.add_argument(
        "space",
        nargs="?",
        default="",
        metavar="SPACE",
        help="open this space: an id, the beginning of one, a name or a path",
    )
    parser.add_argument(
        "--plain", action="store_true", help="print what the first screen says and exit"
    )
    parser.add_argument("--light", action="store_true", help="dark text on a light ground")
    parser.add_argument("--ascii", action="store_true", help="signs that every terminal has")
    drawing = parser.add_argument_group("drawing a screen without a terminal")
    drawing.add_argument("--screenshot", metavar="FILE.svg", help="write a screen to this file")
    drawing.add_argument(
        "--screen",
        default="home",
        metavar="NAME",
        help="home, space, files, tree, secrets, sync, help, ...",
    )
    drawing.add_argument("--size", default="120x36", metavar="COLUMNSxROWS")
    return parser  # fmt: skip


def _session(parsed: argparse.Namespace) -> Session:
    from sila_tui.memory import Memory
    from sila_tui.session import Session

    is_plain = parsed.ascii or "utf" not in (sys.stdout.encoding or "").lower()
    memory = Memory(user_paths().data_dir / "screen.json")
    return Session(time.time, symbols=ASCII if is_plain else UNICODE, memory=memory)


async def _connect(observe: Observe | None = None) -> ControlClient:
    from sila_daemon.control.client import ControlClient

    return await ControlClient.connect(user_paths().socket, observe)


def _app(parsed: argparse.Namespace) -> SilaApp:
    from sila_tui.app import SilaApp
    from sila_tui.settings import read_settings
    from sila_tui.words import short_path

    home = str(Path.home())
    session = _session(parsed)
    return SilaApp(
        session,
        lambda: _connect(session.calls.note),
        socket=short_path(str(user_paths().socket), home),
        host=socket.gethostname().partition(".")[0],
        home=home,
        first_space=_reference(parsed.space),
        is_light=parsed.light,
        cache=user_paths().cache_dir / "opened",
        keys=read_settings(user_paths().config_dir / "tui.toml").keys,
    )


def _reference(text: str) -> str:
    """A path made absolute, as the daemon knows it; anything else as it is."""
    if os.sep in text or text in (".", "..") or text.startswith("~"):
        return os.path.realpath(os.path.expanduser(text))
    return text


async def _status(parsed: argparse.Namespace) -> tuple[Session, SpaceFacts | None]:
    """The session as the daemon fills it now, and the space that was asked for."""
    session = _session(parsed)
    client = await _connect()
    try:
        session.feed_status(await client.call("daemon.status"))
    finally:
        await client.close()
        # The socket itself is closed in the loop's next turn, which is not to be its last.
        await asyncio.sleep(0)
    if not parsed.space:
        return session, None
    found = session.spaces_called(_reference(parsed.space))
    if len(found) > 1:
        raise UsageError(
            f"{parsed.space} may mean {len(found)} spaces",
            code="ambiguous",
            hint=f"take one of these ids: {', '.join(space.id for space in found[:5])}",
        )
    if not found:
        raise NotFoundError(
            f"no space is called {parsed.space}", hint="see them all with: sila-tui --plain"
        )
    return session, found[0]


async def _print_plain(parsed: argparse.Namespace) -> int:
    from sila_tui.plain import plain_lines

    session, space = await _status(parsed)
    for text in plain_lines(session, str(Path.home()), space):
        print(text)
    return 0


def _screenshot(parsed: argparse.Namespace) -> int:
    size = SIZE.fullmatch(parsed.size)
    if size is None:
        raise UsageError(f"{parsed.size} is not a size", hint="for example --size 120x36")
    svg = asyncio.run(_draw(parsed, (int(size[1]), int(size[2]))))
    try:
        Path(parsed.screenshot).write_text(svg, encoding="utf-8")
    except OSError as exc:
        text = f"cannot write {parsed.screenshot}: {exc.strerror}"
        raise StorageError(text, hint="name a file in a folder that exists") from exc
    return 0


async def _draw(parsed: argparse.Namespace, size: tuple[int, int]) -> str:
    from sila_tui.screenshot import SCREENS, draw

    if parsed.screen not in SCREENS:
        raise UsageError(f"there is no screen {parsed.screen}", hint=f"one of {', '.join(SCREENS)}")
    # Fails with the daemon's words rather than drawing that it is not there.
    await _status(parsed)
    return await draw(_app(parsed), parsed.screen, size)
