"""Tests of the frame that all commands share: exit codes, envelopes, terminals, interruptions."""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import time
from typing import Any

import pytest

from sila_daemon.cli import command_tree, main
from sila_daemon.cli.command_tree import CommandTree
from sila_daemon.cli.output import Output, sentence
from sila_daemon.cli.status import overall, space_lines
from sila_daemon.cli.trees import value_of
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


def test_help_texts_are_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    tree = CommandTree("program", "Says " + "much " * 30)
    assert max(map(len, tree.parser.format_help().splitlines())) > 120
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, tree.parser.format_help().splitlines())) <= 58


def test_commands_have_their_help_and_their_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["space", "clone", "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: sila-daemon space clone ")
    assert "--on-demand" in shown and "--json" in shown
    assert main.main(["space", "--help"]) == 0
    assert "Bring a space from a server." in capsys.readouterr().out


def test_every_group_loads_and_every_handler_exists() -> None:
    tree = CommandTree("program", "")
    tree.load_groups()
    handlers: set[str] = set()
    waiting: list[Any] = [tree.parser]
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


def shown_space(**facts: Any) -> list[str]:
    """The lines of a space that has nothing, but for the facts given."""
    nothing: dict[str, Any] = {
        **{"id": "a" * 32, "name": "n", "path": None, "state": "current", "reason": "", "ops": 1},
        **{"trees": 1, "files": 0, "bytes": 0, "folder": None, "remotes": []},
    }
    return list(space_lines({**nothing, **facts}))


def test_a_database_that_was_made_anew_is_told_with_what_is_missing() -> None:
    facts = {"at": 0, "reason": "r", "kept": "/k", "ops": 1, "unreadOps": 2, "unreadParts": []}
    told = "1 op read from the damaged one, 2 not; it is kept as /k"
    assert any(line.endswith(told) for line in shown_space(rebuilt=facts))
    unknown = shown_space(rebuilt={**facts, "unreadOps": None})
    assert any("an unknown number not" in line for line in unknown)
    gone = shown_space(rebuilt={**facts, "kept": None, "reason": "its file was gone"})
    assert any(line.endswith("ago: its file was gone") for line in gone)
    assert not any("anew" in line for line in shown_space(rebuilt=None))


def test_a_polled_folder_is_told_with_what_helps() -> None:
    folder = {"lastScan": None, "pendingOps": 0, "polling": None}
    assert not any("polled" in line for line in shown_space(folder=folder))
    polling = {"everySeconds": 5.0, "reason": "it is far", "hint": ""}
    assert "folder: polled every 5 s, because it is far" in shown_space(
        folder={**folder, "polling": polling}
    )
    lines = shown_space(folder={**folder, "polling": {**polling, "hint": "sudo sysctl x=1"}})
    assert any(line.endswith("it is far; to end that: sudo sysctl x=1") for line in lines)


def test_a_name_cannot_forge_another_row_or_column() -> None:
    stream = io.StringIO()
    output = Output(as_json=False, stdout=stream, stderr=stream)
    output.table(["id", "name"], [["1", "a\n2\tb\u2028c"]])
    assert stream.getvalue() == "1\ta 2 b c\n"
    first, *_ = shown_space(name="evil\n* all safe", path="/x\ny")
    assert "\n" not in first and "evil * all safe" in first


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("no space here", "No space here"),
        ("http://a.example does not answer", "http://a.example does not answer"),
        ("log.level: bad", "log.level: bad"),
        ("/tmp/x exists already", "/tmp/x exists already"),
        ("", ""),
    ],
)
def test_what_is_not_a_word_gets_no_capital(said: str, shown: str) -> None:
    assert sentence(said) == shown


def test_all_safe_says_what_no_server_holds() -> None:
    def space(*agreed: int | None) -> dict[str, Any]:
        return {"name": "n", "state": "current", "remotes": [{"lastAckAt": at} for at in agreed]}

    assert overall([space(), space()])[1] == "all saved on this machine; no servers"
    assert overall([space(1), space()])[1].endswith(" ago · 1 space only here")
    assert overall([space(1), space(None)])[1] == "all safe"
    assert "only here" not in overall([space(1)])[1]


@pytest.mark.parametrize(
    ("url", "is_open"),
    [
        ("http://127.0.0.1:6001", False),
        ("http://localhost", False),
        ("http://[::1]:1", False),
        ("https://a.example", False),
        ("http://a.example", True),
        ("http://127.0.0.1.a.example", True),
        ("http://a.example/127.0.0.1", True),
    ],
)
def test_an_address_that_is_not_encrypted_is_marked(url: str, is_open: bool) -> None:
    remote = {"url": url, "state": "current", "reason": "", "pendingOps": 0, "pendingFiles": 0,
              "lastAckAt": None, "retryAt": None}  # fmt: skip
    said = shown_space(remotes=[remote])[-1]
    assert said.endswith("not encrypted") is is_open


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("x", "x"), ("NaN", "NaN"), ("-Infinity", "-Infinity"), ('{"a": [1]}', {"a": [1]})],
)
def test_what_is_not_json_is_text(text: str, value: Any) -> None:
    assert value_of(text) == value


def test_a_number_that_no_replica_could_keep_is_refused() -> None:
    with pytest.raises(UsageError, match="too large"):
        value_of("[1e999]")


def away(url: str = "https://s.example", reason: str = "x") -> dict[str, Any]:
    """A server that is not reached, as status tells of it."""
    return {
        **{"url": url, "state": "offline", "reason": reason, "pendingOps": 1, "pendingFiles": 0},
        **{"oldestPendingAt": None, "retryAt": None, "lastAckAt": None},
    }


def test_a_server_that_is_not_reached_is_named_and_its_reason_is_told_once() -> None:
    space = {"name": "n", "state": "offline", "reason": "", "folder": None, "remotes": [away()]}
    assert overall([space]) == ("offline", "https://s.example not reached; 1 op waits")
    both = {**space, "remotes": [away(), away("https://t.example")]}
    assert (
        overall([space, both])[1] == "https://s.example, https://t.example not reached; 3 ops wait"
    )
    first, _, line = shown_space(state="offline", reason="https://s.example: x", remotes=[away()])
    assert first == "○ n  no folder  offline"
    assert line == "○ https://s.example: offline · x · 1 op waits"
    first, *_ = shown_space(state="offline", reason="another one", remotes=[away()])
    assert first == "○ n  no folder  offline  another one"


def original(**facts: Any) -> dict[str, Any]:
    """A server that acknowledges nothing, as status tells of it."""
    return {
        **{"url": "https://o.example", "state": "syncing", "reason": "everything was seen there"},
        **{"assurance": "seen", "unsupported": ["files", "secrets"], "unconfirmedOps": 0},
        **{"pendingOps": 0, "pendingFiles": 0, "oldestPendingAt": None, "retryAt": None},
        **{"lastAckAt": time.time() * 1000, **facts},
    }


def test_what_was_only_seen_on_a_server_is_neither_safe_nor_waiting() -> None:
    *_, line = shown_space(state="syncing", remotes=[original()])
    assert "seen there · everything was seen there · last seen 0 s ago" in line
    assert line.endswith("files and secrets do not go there") and "syncing" not in line
    space = {"name": "n", "state": "syncing", "reason": "", "folder": None, "remotes": [original()]}
    state, sentence = overall([space])
    assert state == "syncing"
    assert sentence == "n: everything was seen on a server that confirms nothing"
    space["remotes"] = [original(pendingOps=2)]
    assert overall([space])[1] == "syncing n; 2 ops wait"
    *_, line = shown_space(state="syncing", remotes=[original(pendingOps=2, unconfirmedOps=2)])
    assert "2 ops not seen there" in line
