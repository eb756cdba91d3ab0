"""The OpenAPI document says what runs: all routes, all good answers, all codes, and no others."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import schemathesis

from sila_daemon.server.accounts.rights import Right
from sila_daemon.server.http.about import about
from sila_daemon.server.http.codes import CODES
from sila_daemon.server.http.openapi import codes_of, document
from sila_daemon.server.http.routes.table import ROUTE_RULES
from sila_daemon.server.http.rules import RouteRule
from tests.server import conformance
from tests.server.conformance import described
from tests.server.http_api import running_api

SERVER = Path(__file__).resolve().parents[3] / "sila_daemon" / "server"


def operations() -> dict[tuple[str, str], Any]:
    """Every operation of the document."""
    return {
        (method.upper(), path): operation
        for path, methods in described()["paths"].items()
        for method, operation in methods.items()
    }


def test_every_route_is_described_with_its_right() -> None:
    rights = {(rule.method, rule.path): rule.right for rule in ROUTE_RULES}
    assert {place: found["x-right"] for place, found in operations().items()} == {
        place: right.value for place, right in rights.items()
    }
    for place, found in operations().items():
        is_open = found["security"] in ([], [{}, {"bearer": []}])
        assert is_open == (rights[place] is Right.PUBLIC), place
        assert ("401" in found["responses"]) >= (not is_open), place
    names = [found["operationId"] for found in operations().values()]
    assert len(set(names)) == len(names)


def test_it_is_openapi() -> None:
    assert described()["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(described()).validate()


def test_a_route_without_a_description_is_none() -> None:
    async def handler(_: Any) -> Any:
        """Answers nothing."""

    with pytest.raises(TypeError, match="about"):
        RouteRule("GET", "/x", Right.USER, handler)  # type: ignore[call-arg]
    for text, gives in (("", dict), ("no sentence", dict), ("Gives nothing.", {})):
        with pytest.raises(AssertionError):
            about(text, gives)


def test_a_place_of_a_path_that_nobody_described_is_none() -> None:
    rule = RouteRule("GET", "/x/{thing}", Right.USER, ROUTE_RULES[0].handler, about("Is.", dict))
    with pytest.raises(KeyError, match="thing"):
        document([rule])


def test_every_code_has_a_status_and_is_of_some_route() -> None:
    of_routes = {code for rule in ROUTE_RULES for code in codes_of(rule)}
    of_every_route = {"internal", "method_not_allowed", "not_active", "usage"}
    assert set(CODES) - of_routes == of_every_route
    assert of_routes <= set(CODES)


def printed(*more: str) -> Any:
    """What the command prints."""
    command = [sys.executable, "-m", "sila_daemon.server.cli", "openapi", *more]
    return json.loads(subprocess.run(command, capture_output=True, timeout=60, check=True).stdout)


async def test_the_server_and_its_command_show_the_same_document(tmp_path: Path) -> None:
    async with running_api(tmp_path / "data") as api:
        status, headers, served = await api.ask("GET", "/openapi.json", token=None)
    assert status == 200 and headers["Content-Type"] == "application/json"
    assert served == described()
    assert await asyncio.to_thread(printed) == served
    assert await asyncio.to_thread(printed, "--json") == {"ok": True, "data": served}


async def test_a_wrong_method_is_told_the_right_ones(tmp_path: Path) -> None:
    async with running_api(tmp_path / "data") as api:
        status, headers, answer = await api.ask("PUT", "/spaces/abc")
        assert (status, answer["code"]) == (405, "method_not_allowed")
        assert headers["Allow"] == "DELETE, GET, HEAD, PATCH"
        for path in ("/nowhere", "/health/", "/spaces/", "//health"):
            status, _, answer = await api.ask("GET", path)
            assert (status, answer["code"]) == (404, "not_found"), path


@pytest.mark.parametrize(
    ("method", "path", "status", "kind", "body", "message"),
    [
        ("GET", "/health", 418, "application/json", {"ok": True}, "not documented"),
        ("GET", "/health", 200, "text/html", {"ok": True}, "text/html"),
        ("GET", "/health", 200, "application/json", {"ok": False}, "true was"),
        ("GET", "/health", 200, "application/json", {"ok": True, "more": 1}, "more"),
        ("GET", "/auth/me", 401, "application/json",
         {"ok": False, "error": "", "code": "bad_role"}, "with bad_role"),
        ("GET", "/auth/me", 401, "application/json",
         {"ok": False, "error": "", "code": "bad_login"}, "bad_login"),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_documented_is_noticed(
    method: str, path: str, status: int, kind: str, body: Any, message: str
) -> None:
    headers = {"Content-Type": kind, "X-Request-Id": "1"}
    good = {**headers, "Content-Type": "application/json"}
    conformance.check("GET", "/health", 200, good, b'{"ok":true}')
    with pytest.raises(AssertionError, match=message):
        conformance.check(method, path, status, headers, msgspec.json.encode(body))
