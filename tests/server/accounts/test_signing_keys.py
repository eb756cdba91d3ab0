"""The signing key is made once, for its owner only, and exchanged without signing anybody out."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

from sila_daemon.core.errors import SignInNeededError, StorageError
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.randomness import SystemRandomness
from sila_daemon.ports.workers import InlineWorkers
from sila_daemon.server.accounts.session_info import Device
from sila_daemon.server.accounts.signing_keys import SigningKeys
from tests.server.world_fixture import SteppedClock, inline_ports, open_world


async def keys_at(path: Path, clock: SteppedClock | None = None) -> SigningKeys:
    """Opens the keys of a file as a server does at its start."""
    keys = SigningKeys(
        path, SystemDisk(), InlineWorkers(), SystemRandomness(), clock or SteppedClock()
    )
    await keys.load()
    return keys


async def test_the_key_is_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    made = (await keys_at(path)).newest
    assert len(made.secret) == 32 and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (await keys_at(path)).newest == made
    assert made.secret.hex() not in repr(made)


@pytest.mark.parametrize(
    "text",
    ["", "abcd", "not hex", "x" * 100_000, f"abcdef01 {'0' * 64} 12", f"abcdef01 {'0' * 63} -",
     f"abcdef01 {'0' * 64} -\nabcdef02 {'1' * 64} -", f"abcdef01 {'0' * 64} -\nrubbish"],
)  # fmt: skip
async def test_a_broken_file_is_told_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "signing.key"
    path.write_text(text)
    with pytest.raises(StorageError):
        await keys_at(path)
    assert path.read_text() == text


async def test_a_bare_key_of_an_early_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    path.write_text("ab" * 32 + "\n")
    key = (await keys_at(path)).newest
    assert (key.secret, key.until) == (b"\xab" * 32, None)
    assert key.id == hashlib.sha256(b"\xab" * 32).hexdigest()[:8]


async def test_an_old_key_is_accepted_until_its_time(tmp_path: Path) -> None:
    path, clock = tmp_path / "signing.key", SteppedClock()
    keys = await keys_at(path, clock)
    first = keys.newest
    second = await keys.rotate(int(clock.time()) + 100)
    assert keys.newest == second != first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for read in (keys, await keys_at(path, clock)):
        assert [key.id for key in read.accepted()] == [second.id, first.id]
        assert read.find(first.id) is not None
    clock.ahead = 101
    assert keys.find(first.id) is None and keys.find(second.id) == second
    third = await keys.rotate(int(clock.time()) + 100)
    assert first.id not in path.read_text(), "what is over is forgotten"
    await keys.rotate(0)
    assert keys.find(third.id) is None and path.read_text().count("\n") == 1


async def test_everything_goes_on_through_a_rotation(tmp_path: Path) -> None:
    data, clock = tmp_path / "data", SteppedClock()
    async with open_world(data, inline_ports(clock)) as world:
        await world.accounts.add_user("a@example.org", "good phrase")
        long = await world.accounts.make_token("a@example.org", 30)
        signed = await world.accounts.log_in("a@example.org", "good phrase", Device())
        sessions = world.accounts.sessions
        successor = (await sessions.refresh(signed.refresh_token)).refresh_token
        await world.rotate_signing_key()
        again = (await sessions.refresh(signed.refresh_token)).refresh_token
        assert again == successor, "the answer before the rotation was lost"
        newest = await sessions.refresh(successor)
        clock.ahead = 29 * 86_400
        await world.accounts.check(long)
    async with open_world(data, inline_ports(clock)) as world:
        await world.accounts.check(long)
        await world.accounts.sessions.refresh(newest.refresh_token)
        await world.rotate_signing_key(is_leaked=True)
        with pytest.raises(SignInNeededError):
            await world.accounts.check(long)
        with pytest.raises(SignInNeededError):
            await world.accounts.sessions.refresh(newest.refresh_token)
