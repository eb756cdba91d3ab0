"""`outbox`: what waits, for whom, and why; and the changes that need somebody."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sila_daemon.cli.daemon_call import ask, local_path, space_reference
from sila_daemon.core.wording import counted

if TYPE_CHECKING:
    import argparse

    from sila_daemon.cli.output import Output

_WAYS = {"refused": "refused by", "set_aside": "unreadable from"}


def list_(arguments: argparse.Namespace, output: Output) -> None:
    """Lists what waits, then each change that was refused or set aside."""
    space = None if arguments.space is None else space_reference(arguments.space)
    answer = ask("outbox.list", space=space)
    if output.as_json or not (answer["waiting"] or answer["ops"]):
        output.result(answer, ["Nothing waits."])
        return
    rows = [
        [
            entry["name"] or entry["space"],
            entry["to"],
            str(entry["ops"]),
            str(entry["files"]),
            entry["state"],
            entry["reason"],
        ]
        for entry in answer["waiting"]
    ]
    output.table(("space", "waits for", "ops", "files", "state", "reason"), rows)
    if answer["ops"]:
        _list_ops(answer, output)


def _list_ops(answer: dict[str, Any], output: Output) -> None:
    output.line()
    rows = [
        [
            _WAYS.get(op["way"], op["way"]),
            op["server"],
            _what(op),
            op["code"],
            op["message"],
            time.strftime("%Y-%m-%d %H:%M", time.localtime(op["at"] / 1000)),
            "seen" if op["acknowledged"] else "",
        ]
        for op in answer["ops"]
    ]
    output.table(("", "server", "change", "code", "why", "since", ""), rows)
    output.line()
    if answer["more"]:
        output.line(f"And {counted(answer['more'], 'more change')}; an export has them all.")
    output.line("They are kept on this machine. When the cause is gone:")
    output.line("  sila-daemon outbox retry SPACE")
    output.line("To be told no more of what cannot be read:")
    output.line("  sila-daemon outbox acknowledge SPACE")
    output.line("To look at them, or to show them to who runs the server:")
    output.line("  sila-daemon outbox export SPACE FILE")


def _what(op: dict[str, Any]) -> str:
    if op["vertex"] is None:
        return f"something in tree {op['tree']}"
    if op["key"] is None:
        return f"where {op['vertex']} is"
    return f"{op['key']} of {op['vertex']}"


def retry(arguments: argparse.Namespace, output: Output) -> None:
    """Offers changes again; what becomes of them is told by `outbox` and `status`."""
    answer = ask("outbox.retry", space=space_reference(arguments.space), server=arguments.server)
    said = [f"{counted(answer['offered'], 'change')} offered again."]
    if answer["read"]:
        said.append(f"{counted(answer['read'], 'change')} that had been set aside could be read.")
    output.result(answer, said)


def acknowledge(arguments: argparse.Namespace, output: Output) -> None:
    """Notes that a person has seen what cannot be read."""
    server = arguments.server
    answer = ask("outbox.acknowledge", space=space_reference(arguments.space), server=server)
    said = f"{counted(answer['count'], 'change')} acknowledged; `outbox` lists them still."
    output.result(answer, [said])


def export(arguments: argparse.Namespace, output: Output) -> None:
    """Writes changes to a file that only its owner reads."""
    answer = ask(
        "outbox.export",
        space=space_reference(arguments.space),
        server=arguments.server,
        target=local_path(arguments.file),
        overwrite=arguments.force,
    )
    output.result(answer, [f"Wrote {counted(answer['ops'], 'change')} to {answer['target']}."])
