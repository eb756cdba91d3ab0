"""The platform's database: migrations resume, keep what is there, and refuse a newer file."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from sila_daemon.core.errors import UnsupportedVersionError
from sila_daemon.database.database import InlineDatabases
from sila_daemon.database.schema import Schema
from sila_daemon.server.accounts.platform import PLATFORM_SCHEMA
from tests.server.world_fixture import open_world

VERSIONS = len(PLATFORM_SCHEMA.migrations)


async def of_version(path: Path, version: int) -> None:
    """Makes a database as an older server left it, with a user, a session and a space."""
    schema = Schema(PLATFORM_SCHEMA.application_id, PLATFORM_SCHEMA.migrations[:version])
    database = await InlineDatabases().open(path, schema)

    def fill(connection: apsw.Connection) -> None:
        connection.execute(
            "INSERT INTO users (id, email, is_admin, created_at) VALUES ('u', 'a@b.co', 0, 1);"
            "INSERT INTO spaces (id, name, created_at, updated_at) VALUES ('s', 'Old', 1, 1);"
            "INSERT INTO members VALUES ('s', 'u', 'owner', 1);"
            "INSERT INTO sessions (id, user_id, device_id, device_name, platform, address,"
            " created_at, expires_at, generation) VALUES ('x', 'u', '', 'old', '', '', 1, 9e15, 0)"
        )

    await database.write(fill)
    await database.close()


@pytest.mark.parametrize("version", range(1, VERSIONS + 1))
async def test_every_older_version_is_brought_up_with_what_it_holds(
    tmp_path: Path, version: int
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    await of_version(data / "platform.sqlite", version)
    async with open_world(data) as world:
        user = await world.accounts.user_by_email("a@b.co")
        assert (user.id, user.is_active) == ("u", True)
        assert [space.name for space in await world.directory.of_user("u")] == ["Old"]
        assert [one.name for one in await world.accounts.sessions.of_user("u")] == ["old"]
        version_now = await world.database.read(lambda c: c.pragma("user_version"))
        assert version_now == VERSIONS


async def test_a_migration_that_breaks_off_is_done_again_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "platform.sqlite"
    await of_version(path, 1)
    broken = f"{PLATFORM_SCHEMA.migrations[1]}; INSERT INTO nowhere VALUES (1);"
    schema = Schema(PLATFORM_SCHEMA.application_id, [PLATFORM_SCHEMA.migrations[0], broken])
    with pytest.raises(apsw.SQLError, match="nowhere"):
        await InlineDatabases().open(path, schema)
    connection = apsw.Connection(str(path))
    assert connection.pragma("user_version") == 1
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
    assert "refresh_tokens" in tables and "audit" not in tables, "nothing of it is there"
    connection.close()
    database = await InlineDatabases().open(path, PLATFORM_SCHEMA)
    assert await database.read(lambda c: c.pragma("user_version")) == VERSIONS
    await database.close()


async def test_a_newer_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with open_world(data) as world:
        await world.accounts.add_user("a@b.co", None)
    connection = apsw.Connection(str(data / "platform.sqlite"))
    connection.pragma("user_version", VERSIONS + 1)
    connection.close()
    with pytest.raises(UnsupportedVersionError, match="version"):
        async with open_world(data):
            pass
    connection = apsw.Connection(str(data / "platform.sqlite"))
    assert connection.pragma("user_version") == VERSIONS + 1
    assert list(connection.execute("SELECT email FROM users")) == [("a@b.co",)]
