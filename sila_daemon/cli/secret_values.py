"""`secret`: a value never stands in the arguments of a command, which other users can read."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sila_daemon.cli.accounts import prompt, text_from_stdin
from sila_daemon.cli.daemon_call import ask, space_reference
from sila_daemon.core.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from sila_daemon.cli.output import Output


def list_(arguments: argparse.Namespace, output: Output) -> None:
    """Lists names."""
    answer = ask("secret.list", space=space_reference(arguments.space))
    output.result(answer, answer["names"] or ["No secrets in this space."])


def get(arguments: argparse.Namespace, output: Output) -> None:
    """Prints one value."""
    answer = ask("secret.get", space=space_reference(arguments.space), name=arguments.name)
    output.result(answer, [answer["value"]])


def set_(arguments: argparse.Namespace, output: Output) -> None:
    """Sets one value, read from standard input or asked for."""
    if arguments.stdin or not sys.stdin.isatty():
        value = text_from_stdin().removesuffix("\n").removesuffix("\r")
    else:
        value = prompt(f"Value of {arguments.name}: ", "--stdin")
    if not value:
        raise UsageError(
            "an empty secret is not kept",
            hint="remove it with: sila-daemon secret unset SPACE NAME",
        )
    ask("secret.set", space=space_reference(arguments.space), name=arguments.name, value=value)
    output.result({"name": arguments.name}, ["Saved."])


def unset(arguments: argparse.Namespace, output: Output) -> None:
    """Removes one value."""
    ask("secret.unset", space=space_reference(arguments.space), name=arguments.name)
    output.result({"name": arguments.name}, ["Removed, here and where the space is mirrored to."])
