"""One run of the app in a pty, on a real daemon, with a clock on what comes to the screen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.paths import user_paths
from tests.benchmarks import empty_app, tui_space
from tests.daemon.machine import Machine
from tests.tui.terminals import PtyTerminal, press, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIZE = (120, 36)
QUIET_S, SETTLE_S_MAX = 3.0, 30.0
"""How long nothing is written once the app is at rest, and how long that is waited for."""
_CURSOR = "▌"
_SIDEBAR = 31
"""Columns of the sidebar."""
_APP = [sys.executable, "-m", "sila_tui"]
_EMPTY = [sys.executable, "-m", "tests.benchmarks.empty_app"]
_PAGE_SIGN = "sila"


class Bench:
    """A daemon that looks after the hard space, and apps on it."""

    def __init__(self, machine: Machine, ids: dict[str, str]) -> None:
        self.machine = machine
        self.ids = ids

    @contextmanager
    def app(self, *arguments: str) -> Iterator[PtyTerminal]:
        """An app of its own; the arguments are those of `sila-tui`."""
        terminal = PtyTerminal([*_APP, *arguments], self.machine.env, SIZE)
        try:
            yield terminal
        finally:
            terminal.close()

    @contextmanager
    def space(self) -> Iterator[PtyTerminal]:
        """An app that has the hard space open, its chat shown, in the sidebar."""
        with self.app(self.ids["space"]) as terminal:
            until(terminal, lambda text: "write a message" in text and "Trees" in text)
            until(terminal, f"message {tui_space.MESSAGES - 1}")
            yield terminal

    @contextmanager
    def traffic(self) -> Iterator[dict[str, float]]:
        """Ops that arrive during the block; afterwards it holds how many in how long."""
        socket = str(user_paths(self.machine.env).socket)
        where = [self.ids[part] for part in ("space", "tree", "chat")]
        command = [sys.executable, "-m", "tests.benchmarks.tui_traffic", socket, *where]
        made: dict[str, float] = {}
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            yield made
            made |= json.loads(process.communicate("")[0])


@contextmanager
def bench() -> Iterator[Bench]:
    """A machine with a daemon that has loaded the hard space."""
    with tempfile.TemporaryDirectory(prefix="sila-bench-") as place:
        folder = Path(place, "Space")
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.tui_space", str(folder)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        machine = Machine(Path(place, "home"))
        with machine.daemon():
            machine.data("space", "add", str(folder))
            machine.data("space", "sync", str(folder))
            yield Bench(machine, json.loads(done.stdout))


def start_ms(bench: Bench) -> float:
    """From starting the program until its first screen is there."""
    return _started(_APP, bench.machine.env, _PAGE_SIGN)


def empty_start_ms(bench: Bench) -> float:
    """The same of an app that says one word."""
    return _started(_EMPTY, bench.machine.env, empty_app.SAID)


def spaces_start_ms(bench: Bench) -> float:
    """From starting the program until the spaces are listed."""
    return _started(_APP, bench.machine.env, tui_space.SPACE_NAME)


def _started(command: list[str], env: dict[str, str], sign: str) -> float:
    begun = time.perf_counter()
    terminal = PtyTerminal(command, env, SIZE)
    try:
        until(terminal, sign)
        return (time.perf_counter() - begun) * 1000
    finally:
        terminal.close()


def _timed(terminal: PtyTerminal, key: str, is_so: Callable[[str], bool]) -> float:
    """Milliseconds from a key until the screen shows what it is to do."""
    begun = time.perf_counter()
    press(terminal, key)
    until(terminal, is_so)
    return (time.perf_counter() - begun) * 1000


def open_tree_ms(terminal: PtyTerminal) -> float:
    """From enter on the tree in the sidebar until its rows are there."""
    _go_to(terminal, tui_space.TREE_NAME)
    return _opened(terminal, f"{tui_space.WIDE_NAME}  20,000")


def open_chat_ms(terminal: PtyTerminal) -> float:
    """From enter on the chat in the sidebar until its end is there."""
    _go_to(terminal, tui_space.CHAT_NAME)
    # The last message of all is rewritten by the traffic.
    return _opened(terminal, f"Question {tui_space.MESSAGES - 2}")


def _opened(terminal: PtyTerminal, sign: str) -> float:
    """From enter until the sign is there and the keys have left the sidebar."""
    return _timed(terminal, "enter", lambda text: sign in text and not _chosen(text))


def _go_to(terminal: PtyTerminal, row: str) -> None:
    """Puts the sidebar's cursor on the first row of that name, listing the trees when need be."""
    press(terminal, "b")
    until(terminal, lambda text: _chosen(text) != "")
    press(terminal, "g")
    until(terminal, lambda text: tui_space.CHAT_NAME in _chosen(text))
    if row not in "".join(line[:_SIDEBAR] for line in terminal.reader.lines):
        press(terminal, "G", "enter", "g")
        until(terminal, lambda text: row in text and tui_space.CHAT_NAME in _chosen(text))
    while row not in _chosen(terminal.screen()):
        _timed(terminal, "j", _changed(_chosen, _chosen(terminal.screen())))


def _chosen(text: str) -> str:
    """The row of the sidebar that has the cursor."""
    rows = (line[:_SIDEBAR] for line in text.splitlines())
    return next((row for row in rows if row.startswith(_CURSOR)), "")


def marked(text: str) -> tuple[int, ...]:
    """The lines that carry the cursor's sign; what they say may change by itself."""
    return tuple(at for at, line in enumerate(text.splitlines()) if _CURSOR in line)


def _changed(look: Callable[[str], object], before: object) -> Callable[[str], bool]:
    return lambda text: look(text) not in ("", (), before)


def key_ms(terminal: PtyTerminal, keys: list[str]) -> list[float]:
    """Milliseconds from each key until the cursor is seen elsewhere."""
    found = []
    for key in keys:
        before = marked(terminal.screen())
        found.append(_timed(terminal, key, _changed(marked, before)))
    return found


def _holds(part: str, text: str) -> bool:
    return part in text


def typing_ms(terminal: PtyTerminal, text: str) -> list[float]:
    """Milliseconds from each character until it is seen."""
    found, typed = [], ""
    for char in text:
        typed += char
        found.append(_timed(terminal, char, partial(_holds, typed)))
    return found


def settle(terminal: PtyTerminal) -> None:
    """Waits until what was begun is done: nothing is written for a while."""
    deadline = time.monotonic() + SETTLE_S_MAX
    while time.monotonic() < deadline and terminal.wait_for_news(QUIET_S):
        pass


def cpu_share(terminal: PtyTerminal, seconds: float) -> float:
    """Percent of a core that the app takes while nobody touches it."""
    before = _cpu_seconds(terminal)
    deadline = time.monotonic() + seconds
    while (rest := deadline - time.monotonic()) > 0:
        terminal.wait_for_news(rest)
    return 100 * (_cpu_seconds(terminal) - before) / seconds


def _cpu_seconds(terminal: PtyTerminal) -> float:
    text = Path(f"/proc/{terminal.process.pid}/stat").read_text()
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(terminal: PtyTerminal) -> float:
    """The most memory that the app has had."""
    text = Path(f"/proc/{terminal.process.pid}/status").read_text()
    row = next(line for line in text.splitlines() if line.startswith("VmHWM"))
    return int(row.split()[1]) * 1024 / 1e6
