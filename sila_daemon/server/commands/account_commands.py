"""Commands on accounts, members, deletion, keys and the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import NotFoundError, StorageError, UsageError
from sila_daemon.server.commands.command_arguments import Arguments, Command, flag, number, text

if TYPE_CHECKING:
    from sila_daemon.server.accounts.platform import User
    from sila_daemon.server.world import World

BY = "command"
"""Who did it, where the audit log names the reason: whoever may open the data folder."""


async def _user_add(world: World, args: Arguments) -> Any:
    user = await world.accounts.add_user(
        text(args, "email"), args.get("password"), is_admin=flag(args, "admin")
    )
    return user.to_json()


async def _user_list(world: World, _: Arguments) -> Any:
    return [_shown(world, user) for user in await world.accounts.users()]


def _shown(world: World, user: User) -> dict[str, Any]:
    state = "deleted" if user.deleted_at else "disabled" if user.disabled_at else "active"
    shown = {**user.to_json(), "state": state}
    if user.deleted_at is not None:
        shown["purgeAt"] = world.removal.purged_at(user.deleted_at)
    return shown


async def _user_token(world: World, args: Arguments) -> Any:
    return {"token": await world.accounts.make_token(text(args, "email"), number(args, "days", 7))}


async def _user_password(world: World, args: Arguments) -> Any:
    user = await world.accounts.set_password(text(args, "email"), text(args, "password"))
    return user.to_json()


async def _user_remove(world: World, args: Arguments) -> Any:
    user = await world.accounts.user_by_email(text(args, "email"))
    spaces: list[str] = []
    if user.deleted_at is None or not flag(args, "now"):
        spaces = await world.removal.delete_user(user, is_forced=flag(args, "force"))
    if flag(args, "now"):
        await world.removal.purge_now(user.id)
        return {"email": user.email, "spacesDeleted": spaces, "state": "removed"}
    return _shown(world, await world.accounts.user_by_email(user.email)) | {"spacesDeleted": spaces}


async def _user_restore(world: World, args: Arguments) -> Any:
    user = await world.accounts.user_by_email(text(args, "email"))
    spaces = await world.removal.restore_user(user)
    return _shown(world, await world.accounts.user_by_email(user.email)) | {
        "spacesRestored": spaces
    }


async def _user_disable(world: World, args: Arguments) -> Any:
    email = text(args, "email")
    return _shown(world, await world.accounts.set_disabled(email, is_disabled=True))


async def _user_enable(world: World, args: Arguments) -> Any:
    email = text(args, "email")
    return _shown(world, await world.accounts.set_disabled(email, is_disabled=False))


async def _user_sessions(world: World, args: Arguments) -> Any:
    user = await world.accounts.user_by_email(text(args, "email"))
    return [one.to_json() for one in await world.accounts.sessions.of_user(user.id)]


async def _user_sign_out(world: World, args: Arguments) -> Any:
    user = await world.accounts.user_by_email(text(args, "email"))
    sessions, only = world.accounts.sessions, str(args.get("session") or "")
    found = [o.id for o in await sessions.of_user(user.id) if o.id.startswith(only)]
    if only and len(found) != 1:
        if found:
            raise UsageError(f"{only} may be any of {len(found)} sessions", code="ambiguous")
        raise NotFoundError(f"{user.email} has no session {only}")
    for session_id in found:
        await sessions.end(user.id, session_id)
    world.audit.note("session_revoked", user_id=user.id, reason=BY)
    return {"email": user.email, "ended": len(found)}


async def _space_share(world: World, args: Arguments) -> Any:
    space_id = await world.directory.resolve(text(args, "space"))
    user = await world.accounts.user_by_email(text(args, "email"))
    member = await world.directory.share(space_id, user.id, args.get("role"))
    reason = f"{BY}: {user.id} {member.role}"
    world.audit.note("role_changed", space_id=space_id, reason=reason)
    return {"space": space_id, **member.to_json()}


async def _space_unshare(world: World, args: Arguments) -> Any:
    space_id = await world.directory.resolve(text(args, "space"))
    user = await world.accounts.user_by_email(text(args, "email"))
    await world.directory.unshare(space_id, user.id)
    world.audit.note("member_removed", space_id=space_id, reason=f"{BY}: {user.id}")
    return {"space": space_id, "userId": user.id}


async def _space_members(world: World, args: Arguments) -> Any:
    space_id = await world.directory.resolve(text(args, "space"))
    return [member.to_json() for member in await world.directory.members(space_id)]


async def _space_delete(world: World, args: Arguments) -> Any:
    is_now = flag(args, "now")
    try:
        space_id = await world.directory.resolve(text(args, "space"))
        purge_at = await world.removal.delete_space(space_id)
    except NotFoundError:
        if not is_now:
            raise
        space_id = await world.directory.resolve(text(args, "space"), is_deleted=True)
    if is_now:
        await world.removal.purge_now(space_id)
        if await world.directory.is_taken(space_id):
            raise StorageError(
                f"the space {space_id} is deleted, and somebody still uses it",
                code="space_busy",
                hint="It is removed for good within minutes once nobody does.",
            )
        return {"space": space_id, "state": "removed"}
    return {"space": space_id, "state": "deleted", "purgeAt": purge_at}


async def _space_undelete(world: World, args: Arguments) -> Any:
    space_id = await world.directory.resolve(text(args, "space"), is_deleted=True)
    await world.removal.undelete_space(space_id)
    return {"space": space_id, "state": "active"}


async def _key_rotate(world: World, args: Arguments) -> Any:
    key = await world.rotate_signing_key(is_leaked=flag(args, "leaked"))
    return {"key": key.id, "accepted": [one.id for one in world.keys.accepted()]}


async def _audit(world: World, args: Arguments) -> Any:
    limit, space, email = number(args, "limit", 50), args.get("space"), args.get("user")
    if not 1 <= limit <= 10_000:
        raise UsageError("--limit is a number from 1 to 10000")
    found = await world.audit.entries(
        limit,
        space_id=await world.directory.resolve(str(space)) if space else None,
        user_id=(await world.accounts.user_by_email(str(email))).id if email else None,
    )
    return [entry.to_json() for entry in found]


ACCOUNT_COMMANDS: dict[str, Command] = {
    "user add": _user_add,
    "user list": _user_list,
    "user token": _user_token,
    "user password": _user_password,
    "user remove": _user_remove,
    "user restore": _user_restore,
    "user disable": _user_disable,
    "user enable": _user_enable,
    "user sessions": _user_sessions,
    "user sign-out": _user_sign_out,
    "space share": _space_share,
    "space unshare": _space_unshare,
    "space members": _space_members,
    "space delete": _space_delete,
    "space undelete": _space_undelete,
    "key rotate": _key_rotate,
    "audit list": _audit,
}
"""Commands by name."""
