"""`file conflicts` and `file choose`: files that were changed in two places."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sila_daemon.cli.daemon_call import ask, space_reference

if TYPE_CHECKING:
    import argparse

    from sila_daemon.cli.output import Output


def list_(arguments: argparse.Namespace, output: Output) -> None:
    """Lists what was kept beside newer contents."""
    answer = ask("file.conflicts", space=space_reference(arguments.space))
    if output.as_json or not answer["conflicts"]:
        output.result(answer, ["No file waits for a choice."])
        return
    rows = [
        [
            one["path"] or one["id"],
            f"{one['size']:,}",
            one["server"],
            time.strftime("%Y-%m-%d %H:%M", time.localtime(one["at"] / 1000)),
            one["hash"][:12],
        ]
        for one in answer["conflicts"]
    ]
    output.table(("file", "bytes kept", "newer one from", "since", "kept as"), rows)
    output.line()
    output.line("The newer content is in place; yours is kept beside it, as an immutable file.")
    output.line("  sila-daemon file choose SPACE FILE newer   leaves it so")
    output.line("  sila-daemon file choose SPACE FILE own     puts yours in place, for everybody")


def choose(arguments: argparse.Namespace, output: Output) -> None:
    """Says which content counts."""
    ask(
        "file.choose",
        space=space_reference(arguments.space),
        file=arguments.file,
        keep=arguments.keep,
        hash=arguments.hash,
    )
    said = "Your content is in place again." if arguments.keep == "own" else "It stays as it is."
    output.result({}, [said])
