"""The tree of commands as argparse parsers, each leaf with a handler that is imported when used.

How to add a group of commands:

1. Write a module `sila_daemon/cli/<group>.py` with one function:

       def add_parsers(commands: CommandTree) -> None:
           parser = commands.add("space list", "List the spaces.", "sila_daemon.cli.spaces:list_")
           parser.add_argument("--remote", metavar="URL")

   It runs at every start of every command, so the module imports nothing but this one.
   The words of a path that have no parser yet get one (`commands.group` gives it a help text).
2. Put the handler, `def list_(arguments: argparse.Namespace, output: Output) -> int | None`,
   into a module of its own, which may import what it needs. It returns an exit code, None for 0,
   prints by `output` and raises SilaError, which becomes a sentence, a hint and an exit code.
3. Name the module of step 1 in `GROUPS` below, with the first words of its commands.

Every command takes `--json`; `commands.add(..., has_json=False)` leaves it out.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, cast

from sila_daemon.core.errors import UsageError

if TYPE_CHECKING:
    from sila_daemon.cli.output import Output

GROUPS = {
    "sila_daemon.cli.daemon_group": (
        "run", "start", "stop", "restart", "status", "events", "config",
    ),
    "sila_daemon.cli.outbox_group": ("outbox",),
    "sila_daemon.cli.held_group": ("held",),
    "sila_daemon.cli.accounts_group": ("login", "logout", "whoami"),
    "sila_daemon.cli.space_offline": ("space",),
    "sila_daemon.cli.spaces_group": ("space",),
    "sila_daemon.cli.trees_group": ("tree", "vertex", "trash", "undo"),
    "sila_daemon.cli.contents_group": ("chat", "file", "secret"),
}  # fmt: skip
"""The modules that bring commands, in the order in which help lists them, each with the first words
of its commands: making a parser costs most of a millisecond, so only those in question are made."""

Handler = Callable[[argparse.Namespace, "Output"], "int | None"]


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError instead of ending the process."""

    def __init__(self, **options: Any) -> None:
        super().__init__(formatter_class=_formatter, **options)

    def error(self, message: str) -> NoReturn:
        """Raises UsageError with the usage as its hint."""
        raise UsageError(message, hint=f"See: {self.prog} --help")


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Makes a formatter of help texts; argparse loads much to find the width, for each argument."""
    return argparse.HelpFormatter(prog, width=_terminal_width() - 2)


def _terminal_width() -> int:
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):
        return 80


class LaterParser:
    """A command's parser that is made when it is needed: making one takes most of a millisecond.

    Until then it remembers what it is told. argparse itself needs it only to parse.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._defaults: dict[str, Any] = {}
        self._arguments: list[tuple[tuple[str, ...], dict[str, Any]]] = []
        self._parser: Parser | None = None

    def add_argument(self, *names: str, **options: Any) -> None:
        """Adds an argument."""
        if self._parser is not None:
            self._parser.add_argument(*names, **options)
        else:
            self._arguments.append((names, options))

    def set_defaults(self, **values: Any) -> None:
        """Sets what is found in what was parsed."""
        if self._parser is not None:
            self._parser.set_defaults(**values)
        else:
            self._defaults.update(values)

    def __getattr__(self, name: str) -> Any:
        """Does everything else with the parser itself."""
        if self._parser is None:
            self._parser = Parser(**self._options)
            self._parser.set_defaults(**self._defaults)
            for names, options in self._arguments:
                self._parser.add_argument(*names, **options)
        return getattr(self._parser, name)


class CommandTree:
    """Collects commands by their words, such as "space dump"."""

    def __init__(self, program: str, description: str) -> None:
        self.parser = Parser(prog=program, description=description, allow_abbrev=False)
        self._groups: dict[str, argparse._SubParsersAction[Parser]] = {}
        self._helps: dict[str, str] = {}
        self._defaults: dict[str, str] = {}

    def group(self, path: str, summary: str) -> None:
        """Says what the commands that begin with `path` are about."""
        self._helps[path] = summary

    def add(self, path: str, summary: str, handler: str, *, has_json: bool = True) -> LaterParser:
        """Adds a command; `handler` is "module:function", imported when the command runs."""
        above, _, word = path.rpartition(" ")
        made = self._subparsers(above).add_parser(
            word, help=summary, description=summary, allow_abbrev=False
        )
        parser = cast("LaterParser", made)
        parser.set_defaults(handler=handler)
        if has_json:
            parser.add_argument(
                "--json", action="store_true", help="print one JSON document, for programs"
            )
        return parser

    def set_default(self, path: str, word: str) -> None:
        """Lets the command `path` `word` go without its last word; `path` is one word."""
        self._defaults[path] = word

    def completed(self, words: Sequence[str]) -> list[str]:
        """Returns the words of a command line with the one that may be left out."""
        first, following = words[:1], words[1:2]
        if not first or first[0] not in self._defaults:
            return list(words)
        known = [*self._groups[first[0]].choices, "-h", "--help"]
        if following and following[0] in known:
            return list(words)
        return [*first, self._defaults[first[0]], *words[1:]]

    def load_groups(self, first_word: str = "") -> None:
        """Lets the groups add their commands: those of `first_word`, or all when none has it."""
        named = [name for name, words in GROUPS.items() if first_word in words]
        for name in named or GROUPS:
            importlib.import_module(name).add_parsers(self)

    def _subparsers(self, path: str) -> argparse._SubParsersAction[Parser]:
        found = self._groups.get(path)
        if found is None:
            if path:
                above, _, word = path.rpartition(" ")
                summary = self._helps.get(path, "")
                parser = self._subparsers(above).add_parser(
                    word, help=summary, description=summary, allow_abbrev=False
                )
            else:
                parser = self.parser
            found = parser.add_subparsers(
                metavar="COMMAND",
                required=True,
                # Told, or a formatter of help texts is made to find it out.
                prog=parser.prog,
                parser_class=cast("type[Parser]", LaterParser),
            )
            self._groups[path] = found
        return found


def load_handler(name: str) -> Handler:
    """Imports the handler "module:function"."""
    module, _, function = name.partition(":")
    handler: Handler = getattr(importlib.import_module(module), function)
    return handler
