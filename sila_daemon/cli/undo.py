"""`undo`: takes back the last edit that was made through the daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sila_daemon.cli.daemon_call import ask, space_reference

if TYPE_CHECKING:
    import argparse

    from sila_daemon.cli.output import Output

SHOWN_MAX = 10


def undo(arguments: argparse.Namespace, output: Output) -> None:
    """Takes back one edit and says what it was."""
    space = space_reference(arguments.space)
    answer = ask("edit.undo", space=space, partly=arguments.partly)
    lines = [f"Undone: {_sentence(change)}" for change in answer["changes"][:SHOWN_MAX]]
    others = len(answer["changes"]) - len(lines) + answer["more"]
    if others > 0:
        lines.append(f"and {others} more")
    output.result(answer, lines or ["Nothing of it was as it had been left."])


def _sentence(change: dict[str, Any]) -> str:
    what = f"{change['what']} {change['name'] or change['vertex']}"
    return f"{what}: {change['key']}" if change["key"] else what
