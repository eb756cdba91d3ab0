"""`events`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from sila_daemon.control.call import subscribe
from sila_daemon.paths import control_socket

if TYPE_CHECKING:
    import argparse

    from sila_daemon.cli.output import Output


def events(arguments: argparse.Namespace, output: Output) -> None:
    """Prints events, oldest first; with `--follow` until interrupted or until the daemon ends."""
    stream = subscribe(control_socket(), after=0)
    latest = next(stream)["latest"]
    found: list[dict[str, Any]] = []
    for event in stream if latest or arguments.follow else ():
        found.append(event)
        if arguments.follow or not output.as_json:
            sys.stdout.write(json.dumps(event) + "\n")
            sys.stdout.flush()
            found.clear()
        if event["id"] >= latest and not arguments.follow:
            break
    if output.as_json and not arguments.follow:
        output.result({"events": found})
