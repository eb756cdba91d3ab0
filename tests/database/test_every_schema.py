"""Databases of every older version are brought to the newest step by step, with what they hold.

New ones are made in one transaction, by one script in a simulated world, so nothing else walks
these steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import apsw
import pytest

from sila_daemon.core.ops import MoveOp, PropertyOp
from sila_daemon.database.database import InlineDatabases
from sila_daemon.database.schema import Schema, migrate
from sila_daemon.ports.clock import SystemClock
from sila_daemon.ports.randomness import SystemRandomness
from sila_daemon.server.accounts.platform import PLATFORM_SCHEMA
from sila_daemon.server.ops.op_queries import OpQueries
from sila_daemon.server.ops.op_schema import OPS_SCHEMA
from sila_daemon.server.ops.op_store import OpStore
from sila_daemon.store.quarantine import Quarantine
from sila_daemon.store.schema import FOLDER, SCHEMA
from sila_daemon.store.secrets import Secrets
from sila_daemon.store.servers import Cursor, Servers
from sila_daemon.store.space_store import SpaceStore

if TYPE_CHECKING:
    from pathlib import Path

SCHEMAS = {"store": SCHEMA, "ops": OPS_SCHEMA, "platform": PLATFORM_SCHEMA}

MEANT = {
    ("platform", 2): {"refresh_tokens"},  # A session holds the hash of its newest one itself.
    ("ops", 5): {"commits.sender"},  # A number of the new table of senders.
}
"""What a step takes away on purpose; all else has to stay."""

SERVER = "https://example.org"
Rows = dict[str, list[dict[str, Any]]]


def up_to(schema: Schema, version: int) -> Schema:
    return Schema(schema.application_id, schema.migrations[:version])


def value_of(kind: str, number: int) -> object:
    if kind == "BLOB":
        return b"bytes-%d" % number
    return f"text-{number}" if kind == "TEXT" else number


def fill(connection: apsw.Connection) -> None:
    """Gives every table that is empty two rows; what refers to another row finds it."""
    for table in tables_of(connection):
        if connection.execute(f'SELECT count(*) FROM "{table}"').get:
            continue
        kinds = [row[2] for row in connection.execute(f'PRAGMA table_info("{table}")')]
        places = ", ".join("?" * len(kinds))
        for number in (1, 2):
            row = [value_of(kind, number) for kind in kinds]
            connection.execute(f'INSERT INTO "{table}" VALUES ({places})', row)


def tables_of(connection: apsw.Connection) -> list[str]:
    return [
        str(name)
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'sqlite_*'"
        )
    ]


def rows_of(connection: apsw.Connection) -> Rows:
    found: Rows = {}
    for table in tables_of(connection):
        names = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
        rows = connection.execute(f'SELECT * FROM "{table}" ORDER BY 1')
        found[table] = [dict(zip(names, row, strict=True)) for row in rows]
    return found


def made_of(connection: apsw.Connection) -> list[Any]:
    """Returns all that the schema says, in SQL and as SQLite understands it."""
    entries = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
    ).fetchall()
    pragmas = ("table_xinfo", "index_list", "foreign_key_list")
    understood = [
        connection.execute(f'PRAGMA {pragma}("{table}")').fetchall()
        for table in tables_of(connection)
        for pragma in pragmas
    ]
    header = [connection.pragma("application_id"), connection.pragma("user_version")]
    return [*header, *entries, *understood]


def lost(before: Rows, after: Rows) -> set[str]:
    """Returns tables and columns that are gone; fails where a value is another one."""
    gone = set(before) - set(after)
    for table in set(before) - gone:
        columns = set(before[table][0]) - set(after[table][0])
        gone |= {f"{table}.{column}" for column in columns}
        kept = [
            {name: row[name] for name in before[table][0] if name not in columns}
            for row in after[table]
        ]
        was = [{name: row[name] for name in kept[0]} for row in before[table]]
        assert kept == was, f"the rows of {table}"
    return gone


@pytest.mark.parametrize(
    ("name", "first"),
    [
        (name, version)
        for name, schema in SCHEMAS.items()
        for version in range(1, len(schema.migrations))
    ],
)
async def test_each_step_keeps_what_is_there_and_ends_as_a_new_file(
    tmp_path: Path, name: str, first: int
) -> None:
    schema, path = SCHEMAS[name], tmp_path / "x.sqlite"
    for version in range(first, len(schema.migrations) + 1):
        before = await _rows_in(path) if version > first else {}
        database = await InlineDatabases().open(path, up_to(schema, version))
        after = await database.read(rows_of)
        if before:
            assert lost(before, after) == MEANT.get((name, version), set()), f"step {version}"
        await database.write(fill)
        await database.close()
    new = apsw.Connection(":memory:")
    migrate(new, schema)
    stepped = apsw.Connection(str(path))
    assert made_of(stepped) == made_of(new)
    assert stepped.pragma("integrity_check") == "ok"
    assert stepped.execute("PRAGMA foreign_key_check").fetchall() == []


async def _rows_in(path: Path) -> Rows:
    connection = apsw.Connection(str(path))
    try:
        return rows_of(connection)
    finally:
        connection.close()


@pytest.mark.parametrize("name", SCHEMAS)
async def test_many_steps_at_once_lead_to_the_same(tmp_path: Path, name: str) -> None:
    schema, path = SCHEMAS[name], tmp_path / "x.sqlite"
    first = await InlineDatabases().open(path, up_to(schema, 1))
    await first.write(fill)
    await first.close()
    newest = await InlineDatabases().open(path, schema)
    made = await newest.read(made_of)
    await newest.close()
    new = apsw.Connection(":memory:")
    migrate(new, schema)
    assert made == made_of(new)


async def test_the_daemon_goes_on_with_a_store_of_the_first_version(tmp_path: Path) -> None:
    path = tmp_path / "space.sqlite"
    older = await InlineDatabases().open(path, up_to(SCHEMA, 1))
    await older.write(
        lambda connection: connection.execute(
            f"""
            INSERT INTO tree VALUES (1, 'tree', 9);
            INSERT INTO peer VALUES (1, 'a');
            INSERT INTO op VALUES (1, 1, 8, 0, 1, 'v', NULL, NULL, NULL);
            INSERT INTO op VALUES (1, 1, 9, 0, 2, 'v', NULL, 'k', CAST('"x"' AS BLOB));
            INSERT INTO layer VALUES
                (1, '{FOLDER}', NULL, NULL, NULL, NULL, NULL),
                (2, '{SERVER}', 'server', 'epoch', 7, 'tag', 1234);
            INSERT INTO outbox VALUES (1, 2, 5), (2, 1, 5), (2, 2, 5);
            INSERT INTO refusal VALUES (2, 1, 'counter_jump', 'too far');
            INSERT INTO secret VALUES ('name', CAST('value' AS BLOB), NULL);
            """
        )
    )
    await older.close()
    store = await SpaceStore.open(InlineDatabases(), path, SystemClock())
    await store.set_layers([FOLDER, SERVER])
    prop = PropertyOp(9, "a", "v", "k", b'"x"')
    assert [one.op for one in await store.owed(FOLDER, 0, 10)] == [prop]
    assert [one.op for one in await store.owed(SERVER, 0, 10)] == [prop], "one was refused"
    (refused,) = await Quarantine(store.database).page(SERVER, "refused", 0, 10)
    assert (refused.op, refused.code) == (MoveOp(8, "a", "v", None), "counter_jump")
    assert await store.counter("tree") == 9
    sizes = await store.sizes()
    assert (sizes.ops, sizes.trees, sizes.waiting_ops) == (2, 1, 0)
    facts = await Servers(store.database).facts(SERVER)
    assert (facts.server_id, facts.cursor) == ("server", Cursor("epoch", 7, "tag"))
    assert (await Secrets(store.database, SystemClock()).load()).values == {"name": "value"}
    await store.close()


async def test_a_server_goes_on_with_ops_of_the_first_version(tmp_path: Path) -> None:
    path = tmp_path / "ops.sqlite"
    older = await InlineDatabases().open(path, up_to(OPS_SCHEMA, 1))
    await older.write(
        lambda connection: connection.execute(
            """
            INSERT INTO trees VALUES (1, 'tree', 9);
            INSERT INTO peers VALUES (1, 'a');
            INSERT INTO ops VALUES (1, 1, 8, 1, 'v', NULL, NULL, NULL);
            INSERT INTO ops VALUES (2, 1, 9, 1, 'v', NULL, 'k', '"x"');
            INSERT INTO commits VALUES (1, 1, x'01', 5, 'device-one'), (2, 2, x'02', 6, 'two');
            INSERT INTO static_files VALUES ('ab', 3, 77);
            """
        )
    )
    await older.close()
    databases = InlineDatabases()
    store = await OpStore.open(databases, path, SystemClock(), SystemRandomness())
    runs = await OpQueries(store).runs_after(0, 2)
    assert [run.sender for run in runs] == ["device-one", "two"]
    assert [op for run in runs for op in run.ops] == [
        MoveOp(8, "a", "v", None),
        PropertyOp(9, "a", "v", "k", b'"x"'),
    ]
    await store.close()
    used = apsw.Connection(str(path)).execute("SELECT used_at FROM static_files").get
    assert used == 77, "a file that was there was used when it came"
