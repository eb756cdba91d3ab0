"""The commands on changes that would delete or overwrite much at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.cli.command_tree import CommandTree

_HANDLERS = "sila_daemon.cli.held"


def add_parsers(commands: CommandTree) -> None:
    """Adds `held`, which lists, and the commands below it."""
    commands.group("held", "Changes that delete or overwrite much at once, and wait for you.")
    listing = commands.add(
        "held list", "List what waits for a yes or no; `held` does it too.", f"{_HANDLERS}:list_"
    )
    listing.add_argument("space", nargs="?", metavar="SPACE")
    commands.set_default("held", "list")
    for name, summary in (
        ("accept", "Let held changes happen: they are shown and passed on."),
        ("refuse", "Leave them out on this machine; who made them keeps them."),
        ("undo", "Undo them everywhere: things stay as this machine shows them."),
    ):
        parser = commands.add(f"held {name}", summary, f"{_HANDLERS}:{name}")
        parser.add_argument("space", metavar="SPACE")
        parser.add_argument("number", nargs="?", type=int, metavar="NUMBER", help="else all")
