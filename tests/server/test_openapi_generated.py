"""Requests made from the OpenAPI document, right ones and wrong ones, against a real server.

A server that fails, an answer that the document does not have, and a request that is refused or
taken although the document says otherwise: each of them fails the test of its route.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import requests
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from sila_daemon.server.accounts.rights import Right
from sila_daemon.server.http_routes import ROUTE_RULES
from tests.server.conformance import described
from tests.server.world_fixture import SPACE, running_server

if TYPE_CHECKING:
    from schemathesis import Case

    from tests.server.world_fixture import Server

SCHEMA = schemathesis.openapi.from_dict(described())
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
EXAMPLES = 12
"""Of each kind and route; the whole file costs some ten seconds."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with running_server(tmp_path / "data") as running:
        yield running


def send(server: Server, method: str, path: str, mode: GenerationMode, checks: list[Any]) -> int:
    """Asks everything that is generated for a route; returns how often a handler was reached."""
    operation = SCHEMA[path][method]
    known = {"space_id": SPACE, "user_id": server.user.id}
    reached = 0
    session = requests.Session()

    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        nonlocal reached
        for name in case.path_parameters or {}:
            case.path_parameters[name] = known.get(name, case.path_parameters[name])
        headers = {"Authorization": f"Bearer {server.token}"}
        answer = case.call(base_url=server.url, session=session, headers=headers)
        case.validate_response(answer, checks=checks, headers=headers)
        reached += answer.status_code not in (401, 404)

    ask()
    return reached


@pytest.mark.parametrize("rule", ROUTE_RULES, ids=[f"{r.method} {r.path}" for r in ROUTE_RULES])
async def test_generated(server: Server, rule: Any) -> None:
    await asyncio.to_thread(send, server, rule.method, rule.path, GenerationMode.POSITIVE, CHECKS)
    await asyncio.to_thread(
        send,
        server,
        rule.method,
        rule.path,
        GenerationMode.NEGATIVE,
        [*CHECKS, negative_data_rejection],
    )
