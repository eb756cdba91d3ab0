"""Putting text into the clipboard: by this machine's program for it, by tmux, or by the terminal.

The terminal is asked with OSC 52, which reaches the machine that a person sits at, also over ssh,
and never answers. A program of the machine where we run is right only where nobody came by ssh.
Text goes to programs by their standard input, so that no list of processes shows it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from sila_daemon.core.errors import NotFoundError, UsageError
from sila_tui.jobs import run_job
from sila_tui.words import size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.widget import Widget

    from sila_tui.app import SilaApp

TERMINAL_BYTES_MAX = 74_994
"""As much as terminals take in one OSC 52; longer ones are dropped without a word."""
TEXT_BYTES_MAX = 16 << 20
PROGRAM_S_MAX = 3.0
"""A program that has not taken the text by then waits for a display that is not there."""
MUTE_TERMINALS = ("linux", "dumb", "")
"""Values of TERM whose terminals have no clipboard."""


class Clipboard:
    """Chooses the way by the environment."""

    def __init__(
        self, environ: Mapping[str, str] = os.environ, platform: str = sys.platform
    ) -> None:
        self._environ = environ
        self._is_mac = platform == "darwin"

    async def take(self, text: str, terminal: Callable[[str], None]) -> str:
        """Puts a text there, and tells by what; `terminal` asks the terminal. Raises SilaError."""
        data = text.encode("utf-8", "replace")
        if len(data) > TEXT_BYTES_MAX:
            raise UsageError(f"{size(len(data))} are too much to copy", hint="save it to a file")
        for command in self._commands():
            if await self._fed(command, data):
                return command[0]
        if self._environ.get("TERM", "") in MUTE_TERMINALS:
            raise NotFoundError(
                "there is no clipboard here",
                code="no_clipboard",
                hint="save it to a file, or work in tmux or over ssh from a terminal that has one",
            )
        if len(data) > TERMINAL_BYTES_MAX:
            raise UsageError(
                f"{size(len(data))} are more than a terminal takes", hint="save it to a file"
            )
        terminal(data.decode())
        return "the terminal"

    def _commands(self) -> Iterator[tuple[str, ...]]:
        """The programs that are there and fit, the best first."""
        has = self._environ.get
        is_far = has("SSH_CONNECTION") or has("SSH_TTY")
        if not is_far:
            if self._is_mac:
                yield ("pbcopy",)
            if has("WAYLAND_DISPLAY"):
                yield ("wl-copy",)
            if has("DISPLAY"):
                yield ("xclip", "-selection", "clipboard")
                yield ("xsel", "--clipboard", "--input")
        if has("TMUX"):
            # With -w tmux hands it on to the terminal; before 3.2 it did not know how.
            yield ("tmux", "load-buffer", "-w", "-")
            yield ("tmux", "load-buffer", "-")

    async def _fed(self, command: tuple[str, ...], data: bytes) -> bool:
        """Whether a program is there and took the text."""
        found = shutil.which(command[0], path=self._environ.get("PATH", os.defpath))
        if found is None:
            return False
        try:
            # What xclip leaves behind to hold the text would hold our pipes open, too.
            process = await asyncio.create_subprocess_exec(
                found,
                *command[1:],
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                env=dict(self._environ),
            )
        except OSError:
            return False
        try:
            async with asyncio.timeout(PROGRAM_S_MAX):
                await process.communicate(data)
        except TimeoutError:
            process.kill()
            await process.wait()
            return False
        return process.returncode == 0


def copy(widget: Widget, text: str, what: str) -> None:
    """Copies a text beside the screen, and says by what; `what` names it."""
    app = cast("SilaApp", widget.app)

    async def job() -> None:
        way = await app.clip.take(text, cast("Any", app).copy_to_clipboard)
        app.notify(f"{what} copied by {way}", timeout=2, markup=False)

    run_job(widget, job, group="copy")
