"""Reading a command, completing it, and the table that it comes from."""

from __future__ import annotations

import pytest

from sila_daemon.core.errors import UsageError
from sila_tui.command_history import History
from sila_tui.command_words import candidates, quoted, read_line, seconds_of
from sila_tui.commands import COMMANDS, Command
from sila_tui.memory import Memory
from tests.reference.tui_keys import bound_actions

TYPING = {"Composer", "FilterLine", "SearchScreen", "HelpScreen", "FormDialog", "ConfirmDialog",
          "PickDialog", "FilePreview", "CommandScreen", "PathLine"}  # fmt: skip
"""Where `:` is a letter, or the keys only move or close."""
MOTIONS = ("move", "page", "step(", "go(", "scroll", "app.focus", "close_or_up", "choose",
           "show_all", "command_line")  # fmt: skip
OTHERWISE = {"pause": "pause", "app.quit": "quit"}
"""Keys that a command of another kind stands for."""


def test_everything_that_a_key_does_has_a_name() -> None:
    named = {action for command in COMMANDS for action in command.actions} | OTHERWISE.keys()
    without = {
        f"{owner}: {action}"
        for owner, action in bound_actions()
        if owner not in TYPING and action not in named and not action.startswith(MOTIONS)
    }
    assert without == set()


def test_every_name_is_there_once() -> None:
    names = [name for command in COMMANDS for name in (command.name, *command.others)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("line", "name", "given"),
    [
        ("open Work", "open", {"SPACE": "Work"}),
        (":open 'Old notes' Files", "open", {"SPACE": "Old notes", "PART": "Files"}),
        ("open \"Ana's\" it's mine", "open", {"SPACE": "Ana's", "PART": "it's mine"}),
        ("pause 'Old notes' 2h", "pause", {"SPACE": "Old notes", "TIME": "2h"}),
        ("  search two words ", "search", {"WORDS": "two words"}),
        ('send \'tis "the" season', "send", {"TEXT": '\'tis "the" season'}),
        ("resume Old notes", "resume", {"SPACE": "Old notes"}),
        ("resume 'Old notes'", "resume", {"SPACE": "Old notes"}),
        ("q", "quit", {}),
        ("act", "activity", {}),
        ("set text ", "set", {"KEY": "text"}),
    ],
)
def test_a_line_is_read(line: str, name: str, given: dict[str, str]) -> None:
    wish = read_line(line)
    assert (wish.command.name, wish.given) == (name, given)


@pytest.mark.parametrize(
    ("line", "said", "hint"),
    [
        ("opne Work", "there is no command 'opne'", "do you mean open"),
        ("xyzzy", "there is no command 'xyzzy'", "help lists all"),
        ("", "there is no command", "help lists all"),
        ("s", "s may mean", "show, search"),
        ("open", "open needs SPACE", "write: open SPACE [PART]"),
        ("home now", "home takes nothing", "write only: home"),
        ("open 'Old notes x", "a closing ' is missing", "at the end of the name"),
        ("search " + "x" * 5000, "more than 4,000 characters", ""),
    ],
)
def test_what_makes_no_sense_is_told(line: str, said: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_line(line)
    assert said in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("30m", 1800), ("2h", 7200), ("1.5h", 5400), ("1d", 86_400), ("2 h", None),
     ("h", None), ("-1h", None), ("9999999h", None), ("", None)],
)  # fmt: skip
def test_lengths_of_time(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("word", ["a", "a b", "it's", 'say "x"', "", "ü 日本"])
def test_a_quoted_word_is_read_as_it_was(word: str) -> None:
    assert read_line(f"open {quoted(word)} rest of it").given == (
        {"SPACE": word, "PART": "rest of it"}
    )


def completed(line: str) -> list[tuple[str, str]]:
    def choices(kind: str) -> list[tuple[str, str]]:
        return {"space": [("Work", "well"), ("Old notes", "")], "part": [("Files", "files")]}[kind]

    def is_usable(command: Command) -> bool:
        return command.name != "paste"

    found = candidates(line, is_usable, choices, lambda command: "x" * (command.name == "open"))
    return [(each.line, each.note) for each in found]


def test_names_are_completed_by_their_beginning_and_found_by_what_they_do() -> None:
    assert len(completed("")) == len(COMMANDS) - 1
    assert completed("op")[0] == ("open ", "Open a space, or a part of it   x")
    assert ("back", "Go back") in completed("b")
    assert "remove " in [line for line, _ in completed("no longer")] or completed("longer")
    assert [line for line, _ in completed("paste")] == []


def test_arguments_are_completed_and_quoted() -> None:
    assert completed("open ") == [("open 'Old notes'", ""), ("open Work", "well")] or completed(
        "open "
    ) == [("open Work", "well"), ("open 'Old notes'", "")]
    assert completed("open not") == [("open 'Old notes'", "")]
    assert completed("open 'Old notes' f") == [("open 'Old notes' Files", "files")]
    assert completed("open Work Files more") == []
    assert completed("nothing of that kind ") == []


def test_history_keeps_lines_once_and_goes_among_those_that_begin_alike() -> None:
    memory = Memory()
    for line in ("sync Work", "open Home", "sync Home", " send hidden", "open Home"):
        History(memory).note(line)
    history = History(memory)
    assert history.step(-1) == "open Home"
    assert history.step(-1) == "sync Home"
    assert history.step(1) == "open Home"
    assert history.step(1) == ""
    assert history.step(1) is None
    history.begin("sync")
    assert [history.step(-1) for _ in range(3)] == ["sync Home", "sync Work", None]
    for number in range(150):
        History(memory).note(f"goto {number}")
    assert len(memory.keys("commands")) == 100
    assert memory.keys("commands")[-1] == "goto 149"
