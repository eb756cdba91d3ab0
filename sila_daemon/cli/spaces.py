"""The handlers of `space ...` that ask the daemon."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from sila_daemon.cli.daemon_call import ask, local_path, space_reference
from sila_daemon.cli.output import one_line
from sila_daemon.cli.wording import policy_words
from sila_daemon.core.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from sila_daemon.cli.output import Output

_SECRETS_STAY = "Secrets stay on this machine; mirror them with --secrets mirror."
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def create(arguments: argparse.Namespace, output: Output) -> None:
    """Makes a space at a path, in the store only, or on a server."""
    address = arguments.address
    is_url = "://" in address
    servers = [*arguments.server, *([address] if is_url and not is_local(address) else [])]
    answer = ask(
        "space.create",
        address=address if is_url else local_path(address),
        name=arguments.name,
        servers=arguments.server,
        secrets=_secrets_policy(arguments, output, servers),
    )
    _tell_added(output, "Made", answer)


def add(arguments: argparse.Namespace, output: Output) -> None:
    """Looks after a folder that is there already."""
    answer = ask(
        "space.add",
        path=local_path(arguments.path),
        servers=arguments.server,
        secrets=_secrets_policy(arguments, output, arguments.server),
    )
    _tell_added(output, "Looking after", answer)


def clone(arguments: argparse.Namespace, output: Output) -> None:
    """Brings a space from a server."""
    from sila_daemon.cli.fetch import conditions_of

    conditions = conditions_of(arguments)
    answer = ask(
        "space.clone",
        url=arguments.url,
        id=arguments.id,
        path=None if arguments.path is None else local_path(arguments.path),
        secrets=_secrets_policy(arguments, output, [arguments.url]),
        onDemand=arguments.on_demand,
        **conditions,
    )
    _tell_added(output, "Cloned", answer)


def list_(arguments: argparse.Namespace, output: Output) -> None:
    """Lists the spaces of this daemon, or those on a server."""
    if arguments.remote:
        answer = ask("space.remote_list", url=arguments.remote)
        if output.as_json:
            output.result(answer)
            return
        rows = [
            [str(space.get("id", "")), str(space.get("name") or ""), str(space.get("role") or "")]
            for space in answer["spaces"]
        ]
        output.table(("id", "name", "role"), rows)
        return
    answer = ask("space.list")
    if output.as_json or not answer["spaces"]:
        output.result(answer, ["No spaces yet. Add a folder with: sila-daemon space add PATH"])
        return
    rows = [
        [
            space["id"],
            space["name"] or "",
            space["state"],
            space["path"] or "no folder",
            " ".join(server["url"] for server in space["servers"]),
            policy_words(space["fetch"]) if "fetch" in space else "",
        ]
        for space in answer["spaces"]
    ]
    output.table(("id", "name", "state", "folder", "servers", "fetches"), rows)


def remove(arguments: argparse.Namespace, output: Output) -> None:
    """Stops looking after a space."""
    answer = ask("space.remove", space=space_reference(arguments.space))
    lines = [f"No longer looking after {answer['id']}."]
    if answer["path"]:
        lines.append(f"Its folder stays as it is: {answer['path']}")
    output.result(answer, lines)


def move(arguments: argparse.Namespace, output: Output) -> None:
    """Moves the folder of a space, or gives it one."""
    answer = ask(
        "space.move", space=space_reference(arguments.space), path=local_path(arguments.path)
    )
    told = f"Moved from {answer['before']}" if answer["before"] else "The space has a folder now"
    output.result(answer, [f"{told}: {answer['path']}"])


def pause(arguments: argparse.Namespace, output: Output) -> None:
    """Pauses a space for a time, or until it is resumed."""
    seconds = None if arguments.duration is None else seconds_of(arguments.duration)
    answer = ask("space.pause", space=space_reference(arguments.space), seconds=seconds)
    until = f"for {arguments.duration}" if seconds else "until: sila-daemon space resume SPACE"
    output.result(answer, [f"Paused {until}."])


def resume(arguments: argparse.Namespace, output: Output) -> None:
    """Ends a pause."""
    ask("space.resume", space=space_reference(arguments.space))
    output.result({}, ["Resumed."])


def sync(arguments: argparse.Namespace, output: Output) -> int:
    """Scans and exchanges now, and says how things are afterwards."""
    from sila_daemon.cli.status import exit_code, space_lines

    answer = ask("space.sync", space=space_reference(arguments.space))
    output.result(answer, space_lines(answer))
    return exit_code([answer])


def server_add(arguments: argparse.Namespace, output: Output) -> None:
    """Mirrors a space to one more server."""
    policy = arguments.secrets
    if policy is None and _can_ask(output):
        policy = _secrets_policy(arguments, output, [arguments.url])
    space = space_reference(arguments.space)
    answer = ask("space.add_server", space=space, url=arguments.url, secrets=policy)
    if policy is None:
        output.note(
            "Secrets go there as before; keep them here with --secrets keep."
            if answer["secrets"] == "mirror"
            else _SECRETS_STAY
        )
    output.result(answer, [f"Mirroring to {answer['url']} from now on."])


def server_remove(arguments: argparse.Namespace, output: Output) -> None:
    """Stops mirroring a space to a server."""
    ask("space.remove_server", space=space_reference(arguments.space), url=arguments.url)
    output.result(
        {"url": arguments.url},
        [f"No longer mirroring to {arguments.url}; what is there stays there."],
    )


def is_local(address: str) -> bool:
    """Tells whether an address means a space that is kept in the database only."""
    return address.startswith("local://")


def seconds_of(duration: str) -> int:
    """Reads 30s, 10m, 2h or 1d. Raises UsageError."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", duration)
    if found is None or int(found[1]) == 0:
        raise UsageError(f"not a time: {duration!a}", hint="write 30s, 10m, 2h or 1d, for example")
    return int(found[1]) * _SECONDS[found[2]]


def _secrets_policy(arguments: argparse.Namespace, output: Output, servers: list[str]) -> str:
    """What the person said; asked on a terminal; else `keep`, and said."""
    if arguments.secrets is not None or not servers:
        return arguments.secrets or "keep"
    if _can_ask(output):
        output.note(f"Shall secrets be mirrored to {' and '.join(servers)}?")
        output.note("Whoever runs the server can read them. Without it they stay on this machine.")
        sys.stderr.write("Mirror secrets? [y/N] ")
        sys.stderr.flush()
        return "mirror" if sys.stdin.readline().strip().lower() in ("y", "yes") else "keep"
    output.note(_SECRETS_STAY)
    return "keep"


def _can_ask(output: Output) -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty() and not output.as_json


def _tell_added(output: Output, verb: str, answer: dict[str, Any]) -> None:
    name = f'"{one_line(answer["name"])}"' if answer["name"] else answer["id"]
    where = f" in {answer['path']}" if answer["path"] else ""
    lines = [f"{verb} {name}{where}.", f"Its id is {answer['id']}."]
    output.result(answer, lines)
