"""Terminals that run a program for tests: tmux where it is installed, a pty with our own reader.

Both wait for what is to be seen, woken by the program's output; neither sleeps.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shlex
import shutil
import struct
import subprocess
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tests.tui.screen_reader import ScreenReader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PATIENCE_S = 60.0
"""A machine with much else to do is slow to start programs."""
_KEYS = {
    "enter": b"\r", "escape": b"\x1b", "tab": b"\t", "backspace": b"\x7f",
    "up": b"\x1b[A", "down": b"\x1b[B", "right": b"\x1b[C", "left": b"\x1b[D",
}  # fmt: skip
_LOOKS = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
_NOT_ITS_OWN = ("TMUX", "COLUMNS", "LINES")
"""What tells a program of the terminal that the tests run in: its size would outweigh its own's."""


def _env_of(given: Mapping[str, str]) -> dict[str, str]:
    """What a program in a terminal of ours finds in its environment."""
    return {key: value for key, value in given.items() if key not in _NOT_ITS_OWN} | _LOOKS


def bytes_of(key: str) -> bytes:
    """What a terminal sends for a key: its name, `ctrl+x`, or a character."""
    if key.startswith("ctrl+"):
        return bytes([ord(key[-1].upper()) - 64])
    return _KEYS.get(key) or key.encode()


class Terminal(Protocol):
    """A program on a screen."""

    def send(self, data: bytes) -> None:
        """Sends what a keyboard would."""

    def screen(self) -> str:
        """What is to be seen now."""

    def cursor_line(self) -> int:
        """The line of the terminal's cursor, which shows where one types."""

    def wait_for_news(self, seconds: float) -> bool:
        """Returns when the program wrote something; False when it did not, or has ended."""

    @property
    def is_running(self) -> bool:
        """Whether the program has not ended."""

    def close(self) -> None:
        """Ends the program if it still runs."""


class NeverSeen(AssertionError):
    """What a test waited for did not come; the message holds the screen."""


def press(terminal: Terminal, *keys: str) -> None:
    """Presses keys."""
    for key in keys:
        terminal.send(bytes_of(key))


def until(terminal: Terminal, is_so: str | Callable[[str], bool]) -> str:
    """Waits until a text, or whatever the function looks for, is on the screen; returns it."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        text = terminal.screen()
        if is_so in text if isinstance(is_so, str) else is_so(text):
            return text
        if time.monotonic() > deadline:
            raise NeverSeen(f"{is_so!r} never came:\n{text}")
        terminal.wait_for_news(deadline - time.monotonic())


def until_ended(terminal: Terminal) -> None:
    """Waits until the program has ended by itself."""
    deadline = time.monotonic() + PATIENCE_S
    while terminal.is_running:
        if time.monotonic() > deadline:
            raise NeverSeen(f"it still runs:\n{terminal.screen()}")
        terminal.wait_for_news(0.1)


class PtyTerminal:
    """A pseudo terminal, read by our own `ScreenReader`."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], size: tuple[int, int]
    ) -> None:
        self._main, other = pty.openpty()
        columns, rows = size
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.reader = ScreenReader(columns, rows)
        self.process = subprocess.Popen(
            command, stdin=other, stdout=other, stderr=other, env=_env_of(env),
            start_new_session=True,
        )  # fmt: skip
        os.close(other)
        self._is_gone = False

    def hang_up(self) -> None:
        """Goes away, as when a window is closed; nobody reads or writes any more."""
        os.close(self._main)
        self._is_gone = True

    def send(self, data: bytes) -> None:
        """Sends what a keyboard would."""
        os.write(self._main, data)

    def screen(self) -> str:
        """What is to be seen now."""
        return self.reader.text

    def cursor_line(self) -> int:
        """The line of the terminal's cursor, which shows where one types."""
        return self.reader.cursor[1]

    def wait_for_news(self, seconds: float) -> bool:
        """Returns when the program wrote something; False when it did not, or has ended."""
        if not select.select([self._main], [], [], max(0.0, seconds))[0]:
            return False
        try:
            self.reader.feed(os.read(self._main, 1 << 16))
        except OSError:
            # The other end is closed: the program has ended.
            return False
        if self.reader.answers:
            self.send(self.reader.answers)
            self.reader.answers = b""
        return True

    @property
    def is_running(self) -> bool:
        """Whether the program has not ended."""
        return self.process.poll() is None

    def close(self) -> None:
        """Ends the program if it still runs."""
        if self._is_gone:
            self.process.kill()
            self.process.wait()
            return
        if self.is_running:
            self.process.terminate()
        # A program that writes its last words must find somebody who reads them.
        while self.is_running:
            self.wait_for_news(0.1)
        os.close(self._main)


class TmuxTerminal:
    """A window of a tmux server of its own; a second client tells when something is written."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], size: tuple[int, int], place: Path
    ) -> None:
        self._env = _env_of(env)
        self._base = ["tmux", "-S", str(place / "tmux"), "-f", os.devnull]
        given = ["env", *(f"{key}={value}" for key, value in self._env.items()), *command]
        self._tmux(
            "new-session", "-d", "-s", "sila", "-x", str(size[0]), "-y", str(size[1]),
            shlex.join(given), ";", "set", "-g", "status", "off", ";", "set", "-g",
            "escape-time", "0",
        )  # fmt: skip
        self._watcher = subprocess.Popen(
            [*self._base, "-C", "attach", "-r", "-t", "sila"],
            env=self._env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            [*self._base, *words], env=self._env, capture_output=True, text=True, check=False
        )
        return done.stdout

    def send(self, data: bytes) -> None:
        """Sends what a keyboard would."""
        self._tmux("send-keys", "-t", "sila", "-H", *(f"{byte:02x}" for byte in data))

    def screen(self) -> str:
        """What is to be seen now; nothing after the program has ended."""
        return self._tmux("capture-pane", "-p", "-t", "sila")

    def cursor_line(self) -> int:
        """The line of the terminal's cursor, which shows where one types."""
        return int(self._tmux("display-message", "-p", "-t", "sila", "#{cursor_y}"))

    def wait_for_news(self, seconds: float) -> bool:
        """Returns when the program wrote something; False when it did not, or has ended."""
        assert self._watcher.stdout is not None
        if not select.select([self._watcher.stdout], [], [], max(0.0, seconds))[0]:
            return False
        return bool(os.read(self._watcher.stdout.fileno(), 1 << 16))

    @property
    def is_running(self) -> bool:
        """Whether the program has not ended."""
        return bool(self._tmux("list-panes", "-t", "sila"))

    def close(self) -> None:
        """Ends the program if it still runs."""
        self._tmux("kill-server")
        self._watcher.communicate()


def kinds() -> list[str]:
    """The kinds of terminals that this machine has."""
    return ["pty", "tmux"] if shutil.which("tmux") else ["pty"]


def terminal(
    kind: str, command: Sequence[str], env: Mapping[str, str], size: tuple[int, int], place: Path
) -> Terminal:
    """Runs a program in a terminal of that kind; `place` is a folder with a short path."""
    if kind == "tmux":
        return TmuxTerminal(command, env, size, place)
    return PtyTerminal(command, env, size)
