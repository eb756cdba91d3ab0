"""The commands that say which spaces the daemon looks after, and where they are mirrored to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.cli.command_tree import CommandTree, LaterParser

_HANDLERS = "sila_daemon.cli.spaces"


def add_parsers(commands: CommandTree) -> None:
    """Adds the commands below `space` that need the daemon."""
    add = commands.add("space add", "Look after an existing folder.", f"{_HANDLERS}:add")
    add.add_argument("path", metavar="PATH")
    _add_servers(add)
    clone = commands.add("space clone", "Bring a space from a server.", f"{_HANDLERS}:clone")
    clone.add_argument("url", metavar="URL")
    clone.add_argument("id", metavar="SPACE_ID")
    clone.add_argument("path", nargs="?", metavar="PATH")
    _add_secrets(clone)
    clone.add_argument("--on-demand", action="store_true", help="bring no file unasked")
    _add_conditions(clone)
    listing = commands.add("space list", "List the spaces.", f"{_HANDLERS}:list_")
    listing.add_argument("--remote", metavar="URL", help="list what is on this server instead")
    remove = commands.add(
        "space remove", "Stop looking after a space; nothing is deleted.", f"{_HANDLERS}:remove"
    )
    _add_space(remove)
    move = commands.add(
        "space move", "Move the folder of a space, or give it one.", f"{_HANDLERS}:move"
    )
    _add_space(move)
    move.add_argument("path", metavar="PATH", help="where it is to be: a place that is free")
    pause = commands.add("space pause", "Leave a space alone for a while.", f"{_HANDLERS}:pause")
    _add_space(pause)
    pause.add_argument("--for", dest="duration", metavar="TIME", help="such as 30s, 10m, 2h or 1d")
    fetch = commands.add(
        "space fetch",
        "Say which files come to this machine by themselves, or ask.",
        "sila_daemon.cli.fetch:fetch",
    )
    _add_space(fetch)
    fetch.add_argument(
        "policy", nargs="?", choices=("all", "on-demand"), help="all of them, or none unasked"
    )
    _add_conditions(fetch)
    _add_space(commands.add("space resume", "End a pause.", f"{_HANDLERS}:resume"))
    _add_space(commands.add("space sync", "Scan and exchange now.", f"{_HANDLERS}:sync"))
    commands.group("space server", "The servers that a space is mirrored to.")
    server = commands.add(
        "space server add", "Mirror a space to one more server.", f"{_HANDLERS}:server_add"
    )
    _add_space(server)
    server.add_argument("url", metavar="URL")
    _add_secrets(server)
    server = commands.add(
        "space server remove",
        "Stop mirroring a space to a server; nothing is deleted there.",
        f"{_HANDLERS}:server_remove",
    )
    _add_space(server)
    server.add_argument("url", metavar="URL")


def _add_space(parser: LaterParser) -> None:
    parser.add_argument("space", metavar="SPACE", help="an id, a unique prefix, a name or a path")


def _add_conditions(parser: LaterParser) -> None:
    parser.add_argument("--newer-than", metavar="TIME", help="only newer files: 30d or 12h")
    parser.add_argument("--up-to", metavar="SIZE", help="only files up to this size: 500kB or 10MB")


def _add_servers(parser: LaterParser) -> None:
    parser.add_argument(
        "--server", action="append", default=[], metavar="URL", help="mirror it to this server"
    )
    _add_secrets(parser)


def _add_secrets(parser: LaterParser) -> None:
    parser.add_argument(
        "--secrets",
        choices=("mirror", "keep"),
        help="whether secrets go to the server, which can read them (asked on a terminal)",
    )
