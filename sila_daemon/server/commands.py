"""What the commands do: the same functions run in the command's process or inside the server.

Each takes the world and its arguments as JSON and returns JSON.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sila_daemon.core.errors import UsageError
from sila_daemon.server.space_export import export_space
from sila_daemon.server.space_import import import_folder
from sila_daemon.server.world import World

Arguments = dict[str, Any]
Command = Callable[[World, Arguments], Awaitable[Any]]


async def _user_add(world: World, args: Arguments) -> Any:
    user = await world.accounts.add_user(
        _text(args, "email"), args.get("password"), is_admin=bool(args.get("admin"))
    )
    return user.to_json()


async def _user_list(world: World, _: Arguments) -> Any:
    return [user.to_json() for user in await world.accounts.users()]


async def _user_token(world: World, args: Arguments) -> Any:
    days = args.get("days", 7)
    if type(days) is not int:
        raise UsageError("--days takes a number")
    return {"token": await world.accounts.make_token(_text(args, "email"), days)}


async def _user_password(world: World, args: Arguments) -> Any:
    user = await world.accounts.set_password(_text(args, "email"), _text(args, "password"))
    return user.to_json()


async def _space_list(world: World, _: Arguments) -> Any:
    return [row.to_json() for row in await world.directory.all()]


async def _space_create(world: World, args: Arguments) -> Any:
    owner = await world.accounts.user_by_email(_text(args, "owner"))
    return (await world.create_space(owner, args.get("name"))).to_json()


async def _space_import(world: World, args: Arguments) -> Any:
    owner = await world.accounts.user_by_email(_text(args, "owner"))
    return await import_folder(world, Path(_text(args, "folder")), owner)


async def _space_export(world: World, args: Arguments) -> Any:
    space_id = await world.directory.resolve(_text(args, "space"))
    return await export_space(world, space_id, Path(_text(args, "out")))


async def _space_share(world: World, args: Arguments) -> Any:
    space_id = await world.directory.resolve(_text(args, "space"))
    user = await world.accounts.user_by_email(_text(args, "email"))
    await world.directory.share(space_id, user.id, _text(args, "role"))
    return {"space": space_id, "userId": user.id, "role": args["role"]}


async def _space_unshare(world: World, args: Arguments) -> Any:
    space_id = await world.directory.resolve(_text(args, "space"))
    user = await world.accounts.user_by_email(_text(args, "email"))
    await world.directory.unshare(space_id, user.id)
    return {"space": space_id, "userId": user.id}


async def _space_members(world: World, args: Arguments) -> Any:
    space_id = await world.directory.resolve(_text(args, "space"))
    return [member.to_json() for member in await world.directory.members(space_id)]


COMMANDS: dict[str, Command] = {
    "user add": _user_add,
    "user list": _user_list,
    "user token": _user_token,
    "user password": _user_password,
    "space list": _space_list,
    "space create": _space_create,
    "space import": _space_import,
    "space export": _space_export,
    "space share": _space_share,
    "space unshare": _space_unshare,
    "space members": _space_members,
}
"""Every command but `serve`, by name."""


async def run_command(world: World, name: str, args: Arguments) -> Any:
    """Runs one command. Raises SilaError."""
    command = COMMANDS.get(name)
    if command is None:
        raise UsageError(f"there is no command {name}")
    return await command(world, args)


def _text(args: Arguments, name: str) -> str:
    value = args.get(name)
    if not isinstance(value, str) or not value:
        raise UsageError(f"{name} is missing")
    return value
