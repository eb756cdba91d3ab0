"""The commands on what waits for servers, and on what they refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.cli.command_tree import CommandTree

_HANDLERS = "sila_daemon.cli.outbox"


def add_parsers(commands: CommandTree) -> None:
    """Adds `outbox`, which lists, and the commands below it."""
    commands.group("outbox", "What waits for folders and servers, and what they do not take.")
    listing = commands.add(
        "outbox list", "List what waits and why; `outbox` alone does it too.", f"{_HANDLERS}:list_"
    )
    listing.add_argument("space", nargs="?", metavar="SPACE")
    commands.set_default("outbox", "list")
    retry = commands.add("outbox retry", "Offer again what servers refused.", f"{_HANDLERS}:retry")
    acknowledge = commands.add(
        "outbox acknowledge",
        "Note that you have seen what cannot be read; it stays listed.",
        f"{_HANDLERS}:acknowledge",
    )
    export = commands.add(
        "outbox export", "Write what was refused or set aside to a file.", f"{_HANDLERS}:export"
    )
    for parser in (retry, acknowledge, export):
        parser.add_argument("space", metavar="SPACE")
        parser.add_argument("--server", metavar="URL", help="of this server only")
    export.add_argument("file", metavar="FILE", help="JSON, one change a line")
    export.add_argument("--force", action="store_true", help="overwrite FILE")
