"""Requests made from the OpenAPI document, right ones and wrong ones, against a real server.

A server that fails, an answer that the document does not have, and a request that is refused or
taken although the document says otherwise: each of them fails the test of its route.
"""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import AsyncIterator
from itertools import count
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import strategies
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from sila_daemon.server.accounts.rights import Right
from sila_daemon.server.http.routes.table import ROUTE_RULES
from tests.server.conformance import described
from tests.server.world_fixture import running_server

if TYPE_CHECKING:
    from schemathesis import Case

    from sila_daemon.server.http.rules import RouteRule
    from tests.server.world_fixture import Server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

EXAMPLES = 8
"""Right and wrong ones each, of each route; the whole file costs some ten seconds."""

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
OF_WRONG_SHAPES = (b'"bad_json"', b'"bad_query"', b'"bad_name"', b'"bad_role"', b'"bad_header"')
"""Codes that nothing is refused with whose types are as documented."""

IDS = [f"{rule.method} {rule.path}" for rule in ROUTE_RULES]

for media_type in ("application/x-ndjson", "application/partial-upload"):
    schemathesis.openapi.media_type(media_type, strategies.binary(max_size=200))


def _schema() -> Any:
    """The document without rights: who may ask is not left to chance here."""
    document = copy.deepcopy(described())
    for operations in document["paths"].values():
        for operation in operations.values():
            del operation["security"]
    return schemathesis.openapi.from_dict(document)


SCHEMA = _schema()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with running_server(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


NUMBERS = count()


class Asker:
    """A user of their own for each test, who owns a space: some routes end what one has."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.token: str | None = None
        self.known: dict[str, str] = {}
        self.statuses: list[int] = []
        self._session = requests.Session()

    async def prepare(self) -> None:
        """Makes the user and the space."""
        user, self.token = await self.server.another_user(f"user{next(NUMBERS)}@example.org")
        space = await self.server.world.create_space(user, "Space")
        self.known = {"space_id": space.id, "user_id": user.id}

    def ask(
        self, rule: RouteRule, mode: GenerationMode, checks: list[Any], examples: int = EXAMPLES
    ) -> None:
        """Asks all that is made for one route."""
        operation = SCHEMA[rule.path][rule.method]

        @hypothesis.settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.generate],
        )
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def one(case: Case[Any]) -> None:
            self._aim(case)
            headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
            answer = case.call(base_url=self.server.url, session=self._session, headers=headers)
            case.validate_response(answer, checks=checks, headers=headers)
            self.statuses.append(answer.status_code)
            if mode is GenerationMode.POSITIVE and answer.status_code == 400 and answer.content:
                assert not any(code in answer.content for code in OF_WRONG_SHAPES), answer.content

        one()

    def _aim(self, case: Case[Any]) -> None:
        """Puts ids that exist in the place of those that only could."""
        path = case.path_parameters or {}
        for name in path.keys() & self.known.keys():
            if re.fullmatch(r"[A-Za-z0-9_-]+", str(path[name])):
                path[name] = self.known[name]


@pytest_asyncio.fixture(loop_scope="module")
async def asker(server: Server) -> Asker:
    made = Asker(server)
    await made.prepare()
    return made


@pytest.mark.parametrize("rule", ROUTE_RULES, ids=IDS)
async def test_what_may_be_asked_is_answered_as_documented(asker: Asker, rule: RouteRule) -> None:
    await asyncio.to_thread(asker.ask, rule, GenerationMode.POSITIVE, [*CHECKS, unsupported_method])
    assert asker.statuses
    if rule.right is not Right.PUBLIC:
        assert set(asker.statuses) - {401}, "nobody was signed in"


def _takes_something(rule: RouteRule) -> bool:
    return bool(rule.about.body or rule.about.parameters or "{" in rule.path)


TAKING = [rule for rule in ROUTE_RULES if _takes_something(rule)]


@pytest.mark.parametrize("rule", TAKING, ids=[f"{r.method} {r.path}" for r in TAKING])
async def test_what_may_not_be_asked_is_refused(asker: Asker, rule: RouteRule) -> None:
    checks = [*CHECKS, negative_data_rejection]
    await asyncio.to_thread(asker.ask, rule, GenerationMode.NEGATIVE, checks)
    assert asker.statuses, "nothing was asked"
    assert max(asker.statuses) < 500


GUARDED = [rule for rule in ROUTE_RULES if rule.right is not Right.PUBLIC]


@pytest.mark.parametrize("rule", GUARDED, ids=[f"{r.method} {r.path}" for r in GUARDED])
async def test_what_is_right_is_refused_to_those_without_the_right(
    asker: Asker, rule: RouteRule
) -> None:
    async def statuses(token: str | None) -> set[int]:
        asker.token, asker.statuses = token, []
        await asyncio.to_thread(asker.ask, rule, GenerationMode.POSITIVE, CHECKS, examples=2)
        return set(asker.statuses)

    assert await statuses(None) == {401}
    assert await statuses("forged.forged.forged") == {401}
    if rule.right.is_of_members:
        other, token = await asker.server.another_user(f"other{next(NUMBERS)}@example.org")
        assert await statuses(token) == {404}
        await asker.server.world.directory.share(asker.known["space_id"], other.id, "viewer")
        refused = await statuses(token)
        assert (refused == {403}) == (rule.right is not Right.VIEWER), refused
