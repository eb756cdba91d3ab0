"""Schemas that go on after an interruption, and databases that clean up behind themselves."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from sila_daemon.core.errors import StorageError, UnsupportedVersionError
from sila_daemon.database.database import DAMAGED, InlineDatabases
from sila_daemon.database.schema import Schema

FIRST = "CREATE TABLE one (id INTEGER PRIMARY KEY, text TEXT)"
SECOND = "CREATE TABLE two (id INTEGER PRIMARY KEY); INSERT INTO two VALUES (7)"
BROKEN = "CREATE TABLE two (id INTEGER PRIMARY KEY); INSERT INTO nowhere VALUES (7)"
OWNER = 0x1234


async def test_a_migration_that_fails_is_begun_again_where_it_began(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    databases = InlineDatabases()
    with pytest.raises(apsw.SQLError):
        await databases.open(path, Schema(OWNER, [FIRST, BROKEN]))
    database = await databases.open(path, Schema(OWNER, [FIRST, SECOND]))
    version = await database.read(lambda connection: connection.pragma("user_version"))
    found = await database.read(lambda connection: connection.execute("SELECT * FROM two").get)
    assert (version, found) == (2, 7)
    await database.close()


async def test_a_newer_file_and_a_foreign_one_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    databases = InlineDatabases()
    await (await databases.open(path, Schema(OWNER, [FIRST, SECOND]))).close()
    before = path.read_bytes()
    with pytest.raises(UnsupportedVersionError):
        await databases.open(path, Schema(OWNER, [FIRST]))
    with pytest.raises(StorageError, match="another program"):
        await databases.open(path, Schema(OWNER + 1, [FIRST, SECOND]))
    assert path.read_bytes() == before


async def test_text_that_rotted_is_told_of_as_damage(tmp_path: Path) -> None:
    database = await InlineDatabases().open(tmp_path / "x.sqlite", Schema(OWNER, [FIRST]))
    await database.write(
        lambda connection: connection.execute("INSERT INTO one VALUES (1, CAST(x'61ff' AS TEXT))")
    )
    with pytest.raises(StorageError, match="sqlite is damaged") as told:
        await database.read(lambda connection: connection.execute("SELECT text FROM one").get)
    assert told.value.code == DAMAGED
    with pytest.raises(StorageError, match="sqlite is damaged"):
        await database.write(lambda connection: connection.execute("SELECT text FROM one").get)
    await database.close()


async def test_tidying_empties_the_log_and_gives_free_space_back(tmp_path: Path) -> None:
    path = tmp_path / "x.sqlite"
    database = await InlineDatabases().open(path, Schema(OWNER, [FIRST]))

    def fill(connection: apsw.Connection) -> None:
        connection.executemany(
            "INSERT INTO one VALUES (?, ?)", [(number, "x" * 4000) for number in range(2000)]
        )

    await database.write(fill)
    await database.write(lambda connection: connection.execute("DELETE FROM one"))
    log = path.with_name("x.sqlite-wal")
    assert log.stat().st_size > 1 << 20
    for _ in range(6):
        await database.tidy()
    assert log.stat().st_size == 0
    assert path.stat().st_size < 1 << 20
    await database.close()
