"""The script that makes a world's databases leaves what the migrations leave."""

from __future__ import annotations

from typing import Any

import apsw
import pytest

from sila_daemon.database.schema import Schema, migrate
from sila_daemon.server.accounts.platform import PLATFORM_SCHEMA
from sila_daemon.server.ops.op_schema import OPS_SCHEMA
from sila_daemon.store.schema import SCHEMA
from tests.simulation.schemas import at_once

SCHEMAS = {"store": SCHEMA, "ops": OPS_SCHEMA, "platform": PLATFORM_SCHEMA}


def made_by(schema: Schema) -> tuple[list[Any], list[Any]]:
    connection = apsw.Connection(":memory:")
    migrate(connection, schema)
    entries = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
    header = [connection.pragma("application_id"), connection.pragma("user_version")]
    return header, connection.execute(entries).fetchall()


@pytest.mark.parametrize("name", SCHEMAS)
def test_one_script_makes_what_all_migrations_make(name: str) -> None:
    assert made_by(at_once(SCHEMAS[name])) == made_by(SCHEMAS[name])
