"""Tests of the frame that all commands share: exit codes, envelopes, terminals, interruptions."""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys

import pytest

from sila_daemon.cli import command_tree, main
from sila_daemon.cli.command_tree import CommandTree
from sila_daemon.cli.output import Output
from sila_daemon.core import errors
from sila_daemon.core.errors import SilaError, UsageError

PROMISED = {
    "UsageError": 2, "NotFoundError": 4, "ProblemError": 1, "ProtectionError": 6,
    "StorageError": 7, "RemoteError": 8, "SignInNeededError": 5, "DaemonNotRunningError": 3,
    "AlreadyRunningError": 3, "SilaError": 70,
}  # fmt: skip


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Says so."""
        return True


def fail_with(error: BaseException) -> command_tree.Handler:
    """A handler that raises."""

    def handler(arguments: argparse.Namespace, output: Output) -> int | None:
        raise error

    return handler


def run_failing(error: BaseException, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """Runs a command whose handler raises."""
    monkeypatch.setattr(main, "load_handler", lambda name: fail_with(error))
    return main.main(["space", "dump", "x", *words])


@pytest.mark.parametrize(("name", "code"), PROMISED.items())
def test_each_error_has_its_exit_code(
    name: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = getattr(errors, name)("something is so", hint="Do this.")
    assert run_failing(error, monkeypatch) == code
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "Something is so\nDo this.\n")
    assert run_failing(error, monkeypatch, "--json") == code
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {
        "ok": False,
        "error": {"code": error.code, "message": "something is so", "hint": "Do this."},
    }
    assert captured.err == ""


def test_a_bug_tells_its_place_and_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SILA_DEBUG", raising=False)
    assert run_failing(ValueError("sk-very-secret"), monkeypatch) == 70
    captured = capsys.readouterr()
    assert "ValueError" in captured.err and "SILA_DEBUG" in captured.err
    assert "sk-very-secret" not in captured.err + captured.out
    assert "Traceback" not in captured.err
    monkeypatch.setenv("SILA_DEBUG", "1")
    assert run_failing(ValueError("details"), monkeypatch) == 70
    assert "Traceback" in capsys.readouterr().err


def test_what_the_system_refuses_is_a_storage_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = OSError(28, "No space left on device", "/spool")
    assert run_failing(refused, monkeypatch) == 7
    captured = capsys.readouterr()
    assert captured.err.startswith("The system refused: No space left on device: /spool\n")


def test_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_failing(KeyboardInterrupt(), monkeypatch) == 130


def test_commands_are_found_by_their_words() -> None:
    tree = CommandTree("program", "Does things.")
    tree.group("space server", "About servers.")
    tree.add("space list", "Lists.", "module:list_")
    tree.add("space server add", "Adds.", "module:add", has_json=False).add_argument("url")
    assert tree.parser.parse_args(["space", "list", "--json"]).handler == "module:list_"
    parsed = tree.parser.parse_args(["space", "server", "add", "u"])
    assert (parsed.handler, parsed.url, hasattr(parsed, "json")) == ("module:add", "u", False)
    with pytest.raises(UsageError):
        tree.parser.parse_args(["space", "server"])


def test_every_group_loads_and_every_handler_exists() -> None:
    tree = CommandTree("program", "")
    tree.load_groups()
    handlers: set[str] = set()
    waiting: list[argparse.ArgumentParser] = [tree.parser]
    while waiting:
        parser = waiting.pop()
        handler = parser.get_default("handler")
        handlers |= {handler} if handler else set()
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                waiting += action.choices.values()
    assert len(handlers) >= 5
    for name in handlers:
        assert callable(command_tree.load_handler(name)), name


def test_starting_up_loads_next_to_nothing() -> None:
    code = (
        "import sys, sila_daemon.cli.main; from sila_daemon.cli.command_tree import CommandTree; "
        "CommandTree('p', '').load_groups(); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"msgspec", "rich", "cryptography", "asyncio", "socketio", "platformdirs"}


def test_styles_only_where_a_person_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    plain, terminal = io.StringIO(), Terminal()
    for stream in (plain, terminal):
        output = Output(as_json=False, stdout=stream, stderr=stream)
        output.line("[bold]text[/bold]", "red")
        output.table(["a", "b"], [["1", "[2]"]])
    assert plain.getvalue() == "[bold]text[/bold]\n1\t[2]\n"
    assert "\x1b[31m[bold]text[/bold]" in terminal.getvalue()
    assert "[2]" in terminal.getvalue() and "a" in terminal.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    Output(as_json=False, stdout=terminal, stderr=terminal).line("text", "red")
    assert "\x1b[31m" not in terminal.getvalue()


def test_progress_is_shown_on_a_terminal_only() -> None:
    for stream, is_shown in ((io.StringIO(), False), (Terminal(), True)):
        output = Output(as_json=True, stdout=io.StringIO(), stderr=stream)
        with output.progress() as step:
            step("files", 1, 2)
        assert ("files" in stream.getvalue()) is is_shown


def test_an_error_without_a_hint_is_one_line() -> None:
    stream = io.StringIO()
    Output(as_json=False, stdout=stream, stderr=stream).error(SilaError("bad\x1b[2J thing"))
    assert stream.getvalue() == "Bad\ufffd[2J thing\n"
