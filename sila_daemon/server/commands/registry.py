"""What the commands do: the same functions run in the command's process or inside the server.

Each takes the world and its arguments as JSON and returns JSON.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import UsageError
from sila_daemon.server.commands.account_commands import ACCOUNT_COMMANDS, BY
from sila_daemon.server.commands.command_arguments import Arguments, Command, text
from sila_daemon.server.commands.space_export import export_space
from sila_daemon.server.commands.space_import import import_space

if TYPE_CHECKING:
    from sila_daemon.server.world import World


async def _space_list(world: World, _: Arguments) -> Any:
    return [row.to_json() for row in await world.directory.all()]


async def _space_create(world: World, args: Arguments) -> Any:
    owner = await world.accounts.user_by_email(text(args, "owner"))
    return (await world.create_space(owner, args.get("name"))).to_json()


async def _space_import(world: World, args: Arguments) -> Any:
    owner = await world.accounts.user_by_email(text(args, "owner"))
    source, is_trusted = Path(text(args, "folder")), bool(args.get("force"))
    return await import_space(world, source, owner, is_trusted=is_trusted)


async def _space_export(world: World, args: Arguments) -> Any:
    space_id = await world.directory.resolve(text(args, "space"))
    world.audit.note("space_exported", space_id=space_id, reason=BY)
    return await export_space(world, space_id, Path(text(args, "out")))


async def _space_collect(world: World, args: Arguments) -> Any:
    space_id = await world.directory.resolve(text(args, "space"))
    report = await world.housekeeping.collect(space_id, is_dry_run=bool(args.get("dry_run")))
    return report.to_json()


COMMANDS: dict[str, Command] = {
    **ACCOUNT_COMMANDS,
    "space list": _space_list,
    "space create": _space_create,
    "space import": _space_import,
    "space export": _space_export,
    "space collect": _space_collect,
}
"""Every command but `serve`, by name."""


async def run_command(world: World, name: str, args: Arguments) -> Any:
    """Runs one command. Raises SilaError."""
    command = COMMANDS.get(name)
    if command is None:
        raise UsageError(f"there is no command {name}")
    return await command(world, args)
