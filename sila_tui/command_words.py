"""Reads the line of a command: its name, its arguments, and what could follow as one types."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from sila_daemon.core.errors import UsageError
from sila_tui.commands import COMMANDS, Command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

LINE_CHARACTERS_MAX = 4000
SHOWN_MAX = 200
"""Candidates offered at most; more letters make them fewer."""
TIME = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(s|m|min|h|d)?")
SECONDS = {None: 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True)
class Wish:
    """A line that was understood: the command, and what it was given by the arguments' names."""

    command: Command
    given: Mapping[str, str]


@dataclass(frozen=True)
class Candidate:
    """A line that could be meant, and what is known of it."""

    line: str
    shown: str
    note: str = ""


def read_line(line: str) -> Wish:
    """Understands a line. Raises UsageError that says what is wrong and what may be meant."""
    if len(line) > LINE_CHARACTERS_MAX:
        raise UsageError(f"that has more than {LINE_CHARACTERS_MAX:,} characters")
    name, _, rest = line.strip().removeprefix(":").lstrip().partition(" ")
    command = command_called(name)
    names = [argument.name for argument in command.arguments]
    values = _values(rest, len(names))
    if rest.strip() and not names:
        raise UsageError(f"{command.name} takes nothing", hint=f"write only: {command.name}")
    missing = [
        argument.name
        for argument in command.arguments[len(values) :]
        if argument.is_needed
    ]  # fmt: skip
    if missing:
        raise UsageError(
            f"{command.name} needs {' and '.join(missing)}", hint=f"write: {command.usage}"
        )
    return Wish(command, dict(zip(names, values, strict=False)))


def command_called(name: str) -> Command:
    """The command of a name, or of the beginning of only one. Raises UsageError."""
    exact = [command for command in COMMANDS if name == command.name or name in command.others]
    if exact:
        return exact[0]
    found = [command for command in COMMANDS if name and command.name.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        said = ", ".join(command.name for command in found[:6])
        raise UsageError(f"{name} may mean {len(found)} commands", hint=f"one of {said}")
    names = [known for command in COMMANDS for known in (command.name, *command.others)]
    close = get_close_matches(name.lower(), names, n=3, cutoff=0.5)
    hint = f"do you mean {' or '.join(close)}?" if close else "help lists all, tab completes"
    raise UsageError(f"there is no command {name!r:.40}", hint=hint)


def _values(rest: str, count: int) -> list[str]:
    """The words of the arguments; the last argument takes everything that is left as it stands."""
    values: list[str] = []
    rest = rest.strip()
    while rest and len(values) < count:
        if len(values) == count - 1 and not _is_quoted(rest):
            values.append(rest)
            break
        word, rest = _first_word(rest)
        values.append(word)
    return values


def _is_quoted(text: str) -> bool:
    """Whether quotes hold all of a text together."""
    return len(text) > 1 and text[0] in "'\"" and text.find(text[0], 1) == len(text) - 1


def _first_word(text: str) -> tuple[str, str]:
    """A word, or what stands in quotes, and what comes after it. Raises UsageError."""
    if text[0] not in "'\"":
        word, _, rest = text.partition(" ")
        return word, rest.lstrip()
    word, is_closed, rest = text[1:].partition(text[0])
    if not is_closed:
        raise UsageError(f"a closing {text[0]} is missing", hint="add it at the end of the name")
    return word, rest.lstrip()


def quoted(word: str) -> str:
    """A word as it has to be written among others."""
    if word and not any(char in word for char in " '\""):
        return word
    return f"'{word}'" if "'" not in word else f'"{word}"'


def seconds_of(text: str) -> float | None:
    """The length of a time such as `90`, `30m`, `2h` or `1d`; None when it is none."""
    found = TIME.fullmatch(text.strip().lower())
    return float(found[1]) * SECONDS[found[2]] if found else None


def candidates(
    line: str,
    is_usable: Callable[[Command], bool],
    choices: Callable[[str], Iterable[tuple[str, str]]],
    key_of: Callable[[Command], str],
) -> Sequence[Candidate]:
    """The lines that this one may become.

    `choices` gives the values of a kind of argument with what is known of each.
    """
    name, is_further, _ = line.lstrip().removeprefix(":").lstrip().partition(" ")
    if not is_further:
        return [
            Candidate(f"{command.name} " if command.arguments else command.name,
                      command.usage, _told(command, key_of(command)))
            for command in _beginning_with(name)
            if is_usable(command)
        ]  # fmt: skip
    try:
        command, head, before, begun = begun_argument(line)
    except UsageError:
        return []
    if len(before) >= len(command.arguments):
        return []
    kind = command.arguments[len(before)].kind
    words = begun.casefold()
    rows = [row for row in choices(kind) if words in row[0].casefold()]
    rows.sort(key=lambda row: not row[0].casefold().startswith(words))
    return [Candidate(f"{head} {quoted(value)}", value, note) for value, note in rows[:SHOWN_MAX]]


def begun_argument(line: str) -> tuple[Command, str, Sequence[str], str]:
    """The command of a line, what stands before the argument at its end, the arguments in that,
    and what was begun of the one at the end. Raises UsageError where no command is named."""
    name, _, rest = line.lstrip().removeprefix(":").lstrip().partition(" ")
    command = command_called(name)
    before, begun = _begun(rest, len(command.arguments))
    return command, " ".join([name, *map(quoted, before)]), before, begun


def _begun(rest: str, count: int) -> tuple[list[str], str]:
    """The arguments that are complete, and what was begun of the next one."""
    before: list[str] = []
    rest = rest.lstrip()
    while rest and len(before) < count - 1:
        is_done = rest.count(rest[0]) > 1 if rest[0] in "'\"" else " " in rest
        if not is_done:
            break
        word, rest = _first_word(rest)
        before.append(word)
    return before, rest.strip("'\"")


def _beginning_with(name: str) -> list[Command]:
    """Commands whose name begins so, then those whose words have it."""
    first = [command for command in COMMANDS if command.name.startswith(name)]
    words = name.casefold()
    others = [
        command for command in COMMANDS
        if command not in first and (words in command.does.casefold() or name in command.others)
    ]  # fmt: skip
    return first + others


def _told(command: Command, key: str) -> str:
    return f"{command.does}   {key}" if key else command.does
