"""`held`: changes that would delete or overwrite much at once, and the answer to them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sila_daemon.cli.daemon_call import ask, space_reference
from sila_daemon.core.wording import counted

if TYPE_CHECKING:
    import argparse

    from sila_daemon.cli.output import Output


def list_(arguments: argparse.Namespace, output: Output) -> None:
    """Lists what is held, and what can be done about it."""
    space = None if arguments.space is None else space_reference(arguments.space)
    answer = ask("held.list", space=space)
    if output.as_json or not answer["held"]:
        output.result(answer, ["Nothing is held."])
        return
    rows = [
        [
            entry["name"] or entry["space"],
            str(entry["number"]),
            entry["source"],
            f"{entry['vertices']:,} of {entry['ofVertices']:,}",
            summary(entry),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(entry["at"] / 1000)),
            "refused" if entry["refusedAt"] else "waits for you",
        ]
        for entry in answer["held"]
    ]
    output.table(("space", "number", "from", "things", "changes", "since", ""), rows)
    output.line()
    output.line("They are kept on this machine, and neither shown nor passed on.")
    output.line("  sila-daemon held accept SPACE   lets them happen")
    output.line("  sila-daemon held undo SPACE     undoes them everywhere, as new changes of yours")
    output.line("  sila-daemon held refuse SPACE   leaves them out on this machine only")


def summary(entry: dict[str, Any]) -> str:
    """Says of which kinds held changes are."""
    kinds = (("deletions", "deletion"), ("moves", "move"), ("properties", "value"))
    said = [counted(entry[key], what) for key, what in kinds if entry[key]]
    return f"{', '.join(said)} in {counted(entry['trees'], 'tree')}"


def accept(arguments: argparse.Namespace, output: Output) -> None:
    """Says yes."""
    _decide("held.accept", arguments, output, "{} let through.")


def refuse(arguments: argparse.Namespace, output: Output) -> None:
    """Says no, for this machine."""
    _decide("held.refuse", arguments, output, "{} left out here; `held accept` still takes them.")


def undo(arguments: argparse.Namespace, output: Output) -> None:
    """Says no, for everybody."""
    _decide("held.undo", arguments, output, "Undone everywhere, by {} of yours.")


def _decide(method: str, arguments: argparse.Namespace, output: Output, said: str) -> None:
    answer = ask(method, space=space_reference(arguments.space), number=arguments.number)
    output.result(answer, [said.format(counted(answer["ops"], "change"))])
