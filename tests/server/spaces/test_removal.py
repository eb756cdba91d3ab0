"""Deleting users and spaces: undone for a while, then gone for good, whatever comes between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import (
    NotFoundError,
    ProtectionError,
    SignInNeededError,
    StorageError,
)
from sila_daemon.server.accounts.session_info import Device
from sila_daemon.server.settings import AccountSettings
from tests.server.memory_client import join
from tests.server.world_fixture import SPACE, SteppedClock, inline_ports, moves, open_world

if TYPE_CHECKING:
    from sila_daemon.server.accounts.platform import User
    from sila_daemon.server.world import World

GRACE_DAYS = AccountSettings().grace_days
PASSWORD = "a phrase of words"
OTHER_SPACE = "e" * 32


class Place:
    """A world with two users; the first owns a space alone and one that the second edits."""

    def __init__(self, world: World, clock: SteppedClock) -> None:
        self.world = world
        self.clock = clock
        self.owner: User
        self.guest: User

    async def prepare(self) -> None:
        """Makes the users and spaces."""
        accounts = self.world.accounts
        self.owner = await accounts.add_user("owner@example.org", PASSWORD)
        self.guest = await accounts.add_user("guest@example.org", PASSWORD)
        await self.world.create_space(self.owner, "Alone", SPACE)
        await self.world.create_space(self.owner, "Shared", OTHER_SPACE)
        await self.world.directory.share(OTHER_SPACE, self.guest.id, "editor")

    async def spaces_of(self, user: User) -> list[str]:
        """The names of the spaces that somebody sees."""
        return [space.name for space in await self.world.directory.of_user(user.id)]

    async def rows(self, table: str) -> int:
        """How many rows a table has."""
        found = await self.world.database.read(
            lambda connection: connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        )
        return int(str((found or [0])[0]))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    clock = SteppedClock()
    async with open_world(tmp_path / "data", inline_ports(clock)) as world:
        place = Place(world, clock)
        await place.prepare()
        yield place


async def test_a_space_is_removed_for_good_when_its_time_is_over(place: Place) -> None:
    world = place.world
    folder = world.spaces.layout(SPACE).root
    await world.removal.delete_space(SPACE)
    place.clock.ahead = GRACE_DAYS * 86_400 - 60
    assert await world.removal.purge_due() == 0 and folder.exists()
    place.clock.ahead += 120
    with pytest.raises(NotFoundError):
        await world.removal.undelete_space(SPACE)
    assert await world.removal.purge_due() == 1
    assert not folder.exists()
    assert not await world.directory.is_taken(SPACE)
    assert await world.removal.purge_due() == 0
    assert (await world.create_space(place.owner, "Again", SPACE)).name == "Again"
    async with world.spaces.use(SPACE) as space:
        assert space.hub.head.seq == 0, "nothing of the old one is left"


async def test_only_what_is_due_is_removed(place: Place) -> None:
    world = place.world
    await world.removal.delete_space(SPACE)
    place.clock.ahead = 20 * 86_400
    await world.removal.delete_space(OTHER_SPACE)
    place.clock.ahead = 31 * 86_400
    assert await world.removal.purge_due() == 1
    await world.removal.undelete_space(OTHER_SPACE)
    assert await place.spaces_of(place.guest) == ["Shared"]


async def test_a_removal_that_was_cut_off_is_finished_and_not_undone(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = place.world
    await world.removal.delete_space(SPACE)

    async def fails(_: str) -> None:
        raise StorageError("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr(world.spaces, "remove", fails)
        await world.removal.purge_now(SPACE)
    assert await world.directory.is_taken(SPACE)
    with pytest.raises(NotFoundError):
        await world.removal.undelete_space(SPACE)
    with pytest.raises(ProtectionError):
        await world.create_space(place.guest, "Mine", SPACE)
    await world.removal.purge_due()
    assert not world.spaces.layout(SPACE).root.exists(), "at the next round, not in a month"
    assert not await world.directory.is_taken(SPACE)


async def test_a_space_in_use_is_removed_later(place: Place) -> None:
    world = place.world
    await world.removal.delete_space(SPACE)
    async with world.spaces.use(SPACE):
        await world.removal.purge_now(SPACE)
        assert world.spaces.layout(SPACE).space_json.exists()
    await world.removal.purge_now(SPACE)
    assert not world.spaces.layout(SPACE).root.exists()


async def test_whose_account_is_deleted_is_out_at_once(place: Place) -> None:
    world = place.world
    await world.directory.share(OTHER_SPACE, place.guest.id, "owner")
    token = await world.accounts.make_token("owner@example.org", 1)
    client = await join(world, token)
    assert await world.removal.delete_user(place.owner) == [SPACE]
    await client.task
    assert client.events("auth:expired") == [{"code": "revoked"}]
    with pytest.raises(SignInNeededError):
        await world.accounts.check(token)
    with pytest.raises(SignInNeededError, match="wrong address or password"):
        await world.accounts.log_in("owner@example.org", PASSWORD, Device())
    with pytest.raises(ProtectionError):
        await world.accounts.make_token("owner@example.org", 1)
    with pytest.raises(ProtectionError, match="has an account"):
        await world.accounts.add_user("owner@example.org", None)
    assert [member.email for member in await world.directory.members(OTHER_SPACE)] == [
        "guest@example.org"
    ]
    assert await place.spaces_of(place.guest) == ["Shared"]
    with pytest.raises(ProtectionError, match="last owner"):
        await world.directory.unshare(OTHER_SPACE, place.guest.id)


async def test_an_account_comes_back_with_its_spaces_and_roles(place: Place) -> None:
    world = place.world
    other = "d" * 32
    await world.create_space(place.owner, "Deleted before", other)
    await world.removal.delete_space(other)
    await world.directory.share(OTHER_SPACE, place.guest.id, "owner")
    await world.removal.delete_user(place.owner)
    with pytest.raises(NotFoundError):
        await world.removal.delete_user(place.owner)
    assert await world.removal.restore_user(place.owner) == [SPACE]
    with pytest.raises(NotFoundError):
        await world.removal.restore_user(place.owner)
    assert sorted(await place.spaces_of(place.owner)) == ["Alone", "Shared"]
    await world.accounts.log_in("owner@example.org", PASSWORD, Device())


async def test_spaces_that_others_use_need_another_owner_first(place: Place) -> None:
    world = place.world
    with pytest.raises(ProtectionError, match="Shared") as refusal:
        await world.removal.delete_user(place.owner)
    assert refusal.value.code == "last_owner" and "--force" in refusal.value.hint
    assert len(await place.spaces_of(place.owner)) == 2, "nothing is half done"
    deleted = await world.removal.delete_user(place.owner, is_forced=True)
    assert sorted(deleted) == sorted([SPACE, OTHER_SPACE])
    assert await place.spaces_of(place.guest) == []
    await world.removal.restore_user(place.owner)
    assert await place.spaces_of(place.guest) == ["Shared"]


async def test_an_account_is_removed_for_good(place: Place) -> None:
    world = place.world
    await world.directory.share(OTHER_SPACE, place.guest.id, "owner")
    await world.invites.make(OTHER_SPACE, place.owner, "viewer")
    await world.removal.delete_user(place.owner)
    place.clock.ahead = (GRACE_DAYS + 1) * 86_400
    assert await world.removal.purge_due() == 2
    assert [user.email for user in await world.accounts.users()] == ["guest@example.org"]
    assert not world.spaces.layout(SPACE).root.exists()
    assert await place.rows("members") == 1
    assert (await world.accounts.add_user("owner@example.org", None)).id != place.owner.id


async def test_a_disabled_account_is_out_at_once_and_comes_back(place: Place) -> None:
    world = place.world
    client = await join(world, await world.accounts.make_token("owner@example.org", 1))
    signed = await world.accounts.log_in("owner@example.org", PASSWORD, Device())
    await world.accounts.set_disabled("owner@example.org", is_disabled=True)
    await client.task
    assert client.events("auth:expired") == [{"code": "revoked"}]
    for attempt in (
        world.accounts.log_in("owner@example.org", PASSWORD, Device()),
        world.accounts.sessions.refresh(signed.refresh_token),
    ):
        with pytest.raises(SignInNeededError):
            await attempt
    await world.accounts.set_disabled("owner@example.org", is_disabled=False)
    await world.accounts.log_in("owner@example.org", PASSWORD, Device())
    assert len(await place.spaces_of(place.owner)) == 2


async def test_the_folder_of_a_space_goes_with_all_that_is_in_it(place: Place) -> None:
    world = place.world
    client = await join(world, await world.accounts.make_token("owner@example.org", 1))
    assert (await client.send(moves(1, 10)))["ok"]
    layout = world.spaces.layout(SPACE)
    outside = layout.root.parent.parent / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    (layout.root / "link").symlink_to(outside)
    await world.removal.delete_space(SPACE)
    await client.task
    await world.removal.purge_now(SPACE)
    assert not layout.root.exists() and (outside / "kept").exists()
