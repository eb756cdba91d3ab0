"""A person at a terminal, with nothing made up: the app, daemons on two machines, a server.

Where tmux is installed the same is done in it, too.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.daemon.machine import Machine, serving
from tests.tui.terminals import Terminal, kinds, press, terminal, until, until_ended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EMAIL, PASSWORD = "ana@example.org", "a long enough password"
SIZE = (120, 36)
BANNER = "The daemon stopped answering"


@contextmanager
def machine(home: Path, url: str) -> Iterator[Machine]:
    """A machine that is signed in, with a daemon that outlives the commands."""
    made = Machine(home)
    made.data("start")
    try:
        made.data("login", url, "--email", EMAIL, "--password-stdin", stdin=PASSWORD)
        yield made
    finally:
        made.sila("stop")


@contextmanager
def app(kind: str, machine: Machine, *arguments: str) -> Iterator[Terminal]:
    """The app at a terminal of that machine."""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "sila_tui", *arguments]
        shown = terminal(kind, command, machine.env, SIZE, Path(place))
        try:
            yield shown
        finally:
            shown.close()


def fill(shown: Terminal, **lines: str) -> None:
    """Writes into the lines of the dialog that is there, by the first word of what is above each.

    Goes on when the terminal's cursor has come to the next line: what is typed before that would
    still go into the one before.
    """

    def is_under(label: str, text: str) -> bool:
        above = text.splitlines()[shown.cursor_line() - 1 :][:1]
        return bool(above) and label in above[0]

    until(shown, "enter done")
    for at, (label, words) in enumerate(lines.items()):
        if at:
            press(shown, "down")
            until(shown, partial(is_under, label))
        press(shown, *words)
        until(shown, words[-20:])
    press(shown, "enter")
    until(shown, lambda text: "enter done" not in text)


def go_into(shown: Terminal, row: str) -> None:
    """Moves the cursor down the list to a row and opens it."""

    def chosen(text: str) -> str:
        return next((line for line in text.splitlines() if line.startswith("▌")), "")

    def is_elsewhere(before: str) -> Callable[[str], bool]:
        return lambda text: chosen(text) not in ("", before)

    while row not in (at := chosen(until(shown, is_elsewhere("")))):
        press(shown, "j")
        until(shown, is_elsewhere(at))
    press(shown, "enter")


def make_and_mirror(shown: Terminal, folder: Path, sample: Path) -> None:
    """Makes a space, adds one that is there, and mirrors that one."""
    until(shown, "n new")
    press(shown, "n")
    fill(shown, Name="Garden", Folder=str(folder))
    until(shown, "● Garden")
    press(shown, "a")
    fill(shown, Folder=str(sample))
    until(shown, "Notes  ")
    while "▌● Notes" not in until(shown, "▌"):
        press(shown, "j")
        until(shown, "▌● Notes")
    press(shown, "m")
    until(shown, "Mirror Notes to which server?")
    press(shown, "enter")
    fill(shown, Secrets="")
    until(shown, lambda text: "▌● Notes   agreed with 127.0.0.1" in text)


def write_a_message(shown: Terminal, words: str) -> None:
    """Writes into the chat that has the keys."""
    until(shown, "enter write")
    press(shown, "i")
    until(shown, "back to reading")
    press(shown, *words)
    until(shown, words)
    press(shown, "enter")
    until(shown, lambda text: words in text and "write a message" in text)


def go_out(shown: Terminal) -> None:
    """Goes from the lines to write in to the messages, and from there to the sidebar."""
    press(shown, "escape")
    until(shown, "enter write")
    press(shown, "escape")
    until(shown, "enter open")


def put_and_get(shown: Terminal, source: Path, target: Path) -> None:
    """Puts a file into the space and gets it back under another name."""
    go_into(shown, "Files")
    until(shown, "a add a file")
    press(shown, "a")
    fill(shown, File=str(source), Name="recipes/")
    until(shown, f"{source.name} is in the space")
    press(shown, "/")
    until(shown, "enter keep")
    press(shown, *source.name)
    until(shown, source.read_text("utf-8").strip())
    press(shown, "enter")
    until(shown, "w save a copy")
    press(shown, "w")
    until(shown, f"Save a copy of {source.name}")
    press(shown, "ctrl+u")
    until(shown, lambda text: "Downloads" not in text)
    fill(shown, Write=str(target), Replace="")
    until(shown, f"{source.name} is at")


def lose_and_regain(shown: Terminal, machine: Machine) -> None:
    """Stops the daemon behind the app's back, and has the app start it."""
    assert machine.sila("stop").returncode == 0
    until(shown, BANNER)
    press(shown, "ctrl+s")
    until(shown, lambda text: BANNER not in text and "not reached" not in text)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("kind", kinds())
def test_a_day_at_the_terminal(kind: str, tmp_path: Path) -> None:
    words, source, target = "written at a terminal", tmp_path / "list.txt", tmp_path / "copy.txt"
    source.write_text("beans, filters, milk\n", encoding="utf-8")
    with (
        serving(tmp_path / "server", EMAIL, PASSWORD) as url,
        machine(tmp_path / "laptop", url) as laptop,
        machine(tmp_path / "desk", url) as desk,
    ):
        made = laptop.data("space", "sample", str(tmp_path / "notes"), "--name", "Notes")
        with app(kind, laptop) as shown:
            make_and_mirror(shown, tmp_path / "garden", tmp_path / "notes")
            press(shown, "enter")
            until(shown, "How long do I rest")
            go_into(shown, "Coffee roasting")
            write_a_message(shown, words)
            desk.data("space", "clone", url, made["id"], str(tmp_path / "desk-notes"))
            with app(kind, desk, made["id"]) as other:
                until(other, words)
                go_into(other, "Coffee roasting")
                write_a_message(other, "and answered elsewhere")
                until(shown, "and answered elsewhere")
            go_out(shown)
            put_and_get(shown, source, target)
            assert target.read_text("utf-8") == source.read_text("utf-8")
            lose_and_regain(shown, laptop)
            press(shown, "q")
            until(shown, "S sync status")
            press(shown, "q")
            until_ended(shown)
        desk.until_current(made["id"])
        laptop.until_current(made["id"])
        assert words in desk.sila("chat", "show", made["id"], "Coffee roasting").stdout
        assert (tmp_path / "garden" / "sila.md").exists()
