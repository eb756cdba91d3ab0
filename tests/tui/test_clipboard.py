"""The way into the clipboard, with programs that note what they were given."""

from __future__ import annotations

from pathlib import Path

import pytest

from sila_daemon.core.errors import NotFoundError, UsageError
from sila_tui import clipboard
from sila_tui.clipboard import TERMINAL_BYTES_MAX, Clipboard

ALL = ("pbcopy", "wl-copy", "xclip", "xsel", "tmux")
HERE = {"TERM": "xterm-256color"}


def programs(folder: Path, *names: str, ends_with: int = 0) -> dict[str, str]:
    """An environment whose programs write what they get, and with which words, into `folder`."""
    folder.mkdir(exist_ok=True)
    for name in names:
        path = folder / name
        text = f'#!/bin/sh\necho "$@" > {folder}/{name}.words\ncat > {folder}/{name}.got\n'
        path.write_text(f"{text}exit {ends_with}\n", "utf-8")
        path.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


async def copied(environ: dict[str, str], text: str = "secret ü", platform: str = "linux") -> str:
    """By what a text was copied; with the text where that was the terminal."""
    asked: list[str] = []
    way = await Clipboard({**HERE, **environ}, platform).take(text, asked.append)
    return f"{way}: {asked[0]}" if asked else way


@pytest.mark.parametrize(
    ("environ", "platform", "way"),
    [
        ({}, "darwin", "pbcopy"),
        ({"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "linux", "wl-copy"),
        ({"DISPLAY": ":0"}, "linux", "xclip"),
        ({"TMUX": "/tmp/tmux"}, "linux", "tmux"),
        ({"TMUX": "/tmp/tmux", "DISPLAY": ":0"}, "linux", "xclip"),
        ({"TMUX": "/tmp/tmux", "DISPLAY": ":0", "SSH_TTY": "/dev/pts/1"}, "linux", "tmux"),
        ({}, "linux", "the terminal: secret ü"),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "a b"}, "linux", "the terminal: secret ü"),
        ({"SSH_CONNECTION": "a b"}, "darwin", "the terminal: secret ü"),
    ],
)
async def test_the_environment_chooses(
    tmp_path: Path, environ: dict[str, str], platform: str, way: str
) -> None:
    found = programs(tmp_path / "bin", *ALL)
    assert await copied({**found, **environ}, platform=platform) == way
    if not way.startswith("the terminal"):
        assert (tmp_path / "bin" / f"{way}.got").read_text("utf-8") == "secret ü"
        assert "secret" not in (tmp_path / "bin" / f"{way}.words").read_text("utf-8")


async def test_what_is_not_there_or_fails_is_passed_over(tmp_path: Path) -> None:
    screen = {"WAYLAND_DISPLAY": "w", "DISPLAY": ":0", "TMUX": "t"}
    assert await copied({**programs(tmp_path / "a", "xsel"), **screen}) == "xsel"
    failing = programs(tmp_path / "b", "wl-copy", "xclip", "tmux", ends_with=1)
    assert await copied({**failing, **screen}) == "the terminal: secret ü"
    assert (tmp_path / "b/tmux.words").read_text("utf-8").strip() == "load-buffer -"


async def test_a_program_that_never_ends_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is one that waits for a display; the next way is taken."""
    (tmp_path / "xclip").write_text("#!/bin/sh\nexec sleep 600\n", "utf-8")
    (tmp_path / "xclip").chmod(0o755)
    monkeypatch.setattr(clipboard, "PROGRAM_S_MAX", 0.2)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "DISPLAY": ":0"}
    assert await copied(environ) == "the terminal: secret ü"


async def test_what_nothing_takes_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no clipboard here") as caught:
        await copied({"PATH": str(tmp_path), "TERM": "linux"})
    assert caught.value.code == "no_clipboard"
    with pytest.raises(UsageError, match="more than a terminal takes"):
        await copied({"PATH": str(tmp_path)}, "x" * (TERMINAL_BYTES_MAX + 1))
    with pytest.raises(UsageError, match="too much to copy"):
        await copied({"PATH": str(tmp_path)}, "x" * (clipboard.TEXT_BYTES_MAX + 1))


async def test_long_texts_go_to_programs_whole(tmp_path: Path) -> None:
    text = "half an emoji \ud83d " + "long " * 100_000
    found = programs(tmp_path / "bin", "tmux")
    assert await copied({**found, "TMUX": "t"}, text) == "tmux"
    assert (tmp_path / "bin/tmux.got").read_text("utf-8") == text.replace("\ud83d", "?")
