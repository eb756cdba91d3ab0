"""The commands around the daemon itself: its process, state, settings and activity."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.cli.command_tree import CommandTree

_HERE = "sila_daemon.cli"


def add_parsers(commands: CommandTree) -> None:
    """Adds `run`, `start`, `stop`, `restart`, `status`, `events` and `config`."""
    commands.add("run", "Run the daemon in the foreground.", f"{_HERE}.process:run", has_json=False)
    commands.add("start", "Start the daemon in the background.", f"{_HERE}.process:start")
    commands.add("stop", "Stop the daemon; everything is kept.", f"{_HERE}.process:stop")
    commands.add("restart", "Stop the daemon and start it again.", f"{_HERE}.process:restart")

    status = commands.add(
        "status", "Say what is safe where, and what waits.", f"{_HERE}.status:status"
    )
    status.add_argument("space", nargs="?", metavar="SPACE")

    events = commands.add(
        "events", "Print what happened lately, one JSON object a line.", f"{_HERE}.activity:events"
    )
    events.add_argument("--follow", action="store_true", help="go on with what happens from now on")

    commands.group("config", "Settings of the daemon.")
    get = commands.add("config get", "Print one setting, or all.", f"{_HERE}.settings:get")
    get.add_argument("name", nargs="?", metavar="SECTION.NAME")
    change = commands.add("config set", "Change one setting.", f"{_HERE}.settings:set_")
    change.add_argument("name", metavar="SECTION.NAME")
    change.add_argument("value", metavar="VALUE")
    commands.add("config edit", "Open the settings in your editor.", f"{_HERE}.config_edit:edit")
