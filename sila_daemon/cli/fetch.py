"""`space fetch` and `file fetch`: which files come to this machine, and bringing some."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sila_daemon.cli.daemon_call import ask, space_reference
from sila_daemon.cli.spaces import seconds_of
from sila_daemon.cli.wording import away_lines, policy_words, size
from sila_daemon.core.errors import UsageError
from sila_daemon.core.wording import counted

if TYPE_CHECKING:
    import argparse

    from sila_daemon.cli.output import Output

_DAY_S = 86_400
_BYTES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def fetch(arguments: argparse.Namespace, output: Output) -> None:
    """Sets the policy of a space; without one it is shown."""
    space = space_reference(arguments.space)
    conditions = conditions_of(arguments)
    if arguments.policy is None and not conditions:
        [status] = ask("daemon.status", space=space)["spaces"]
        shown = {key: status[key] for key in ("fetch", "filesAway", "bytesAway")}
        output.result(shown, [f"Fetches {policy_words(status['fetch'])}.", *away_lines(status)])
        return
    if arguments.policy is not None and conditions:
        raise UsageError(
            f"{arguments.policy} takes no further conditions",
            hint="leave it out: sila-daemon space fetch SPACE --up-to 10MB",
        )
    policy = ask(
        "space.set_fetch", space=space, onDemand=arguments.policy == "on-demand", **conditions
    )
    told = f"Fetches {policy_words(policy)} from now on; what is here stays."
    output.result(policy, [told])


def fetch_file(arguments: argparse.Namespace, output: Output) -> None:
    """Brings a file, or all files of a folder, to this machine."""
    from sila_daemon.cli.fetch_progress import ask_showing_files

    answer = ask_showing_files(
        output,
        "file.fetch",
        space=space_reference(arguments.space),
        path=arguments.path,
        tree=arguments.tree,
    )
    if answer["files"]:
        told = f"Fetched {counted(answer['files'], 'file')}, {size(answer['bytes'])}."
    else:
        told = "It is on this machine already."
    output.result(answer, [told])


def conditions_of(arguments: argparse.Namespace) -> dict[str, float]:
    """Returns the conditions that were given, as the daemon takes them. Raises UsageError."""
    found: dict[str, float] = {}
    if arguments.newer_than is not None:
        days = seconds_of(arguments.newer_than) / _DAY_S
        found["newerThanDays"] = int(days) if days.is_integer() else days
    if arguments.up_to is not None:
        found["upToBytes"] = bytes_of(arguments.up_to)
    return found


def bytes_of(text: str) -> int:
    """Reads 800, 500kB, 10MB or 2GB. Raises UsageError."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?) ?([kKMGT]?B)?", text)
    count = 0 if found is None else int(float(found[1]) * _BYTES[(found[2] or "").upper()])
    if count <= 0:
        raise UsageError(f"not a size: {text!a}", hint="write 500kB, 10MB or 2GB, for example")
    return count
