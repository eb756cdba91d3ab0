"""Holds answers against the OpenAPI document: status, media type, body, code of a refusal."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import jsonschema_rs
from starlette.routing import Match, Route

from sila_daemon.server.http.codes import CODES
from sila_daemon.server.http.openapi import document
from sila_daemon.server.http.routes.table import ROUTE_RULES
from sila_daemon.server.http.rules import routes_of

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
OF_NO_ROUTE = {404: "not_found", 405: "method_not_allowed"}


@cache
def described() -> dict[str, Any]:
    """The document; made once, like what follows from it."""
    return document(ROUTE_RULES)


@cache
def _routes() -> list[Route]:
    return routes_of(ROUTE_RULES)


@cache
def _validator(path: str, method: str, status: str, media_type: str) -> Any:
    answer = described()["paths"][path][method]["responses"][status]
    schema = answer["content"][media_type].get("schema", {})
    return jsonschema_rs.validator_for({"components": described()["components"], **schema})


def _decoded(body: bytes) -> Any:
    # Values of ops may hold halves of characters, which the validator's strings cannot.
    return json.loads(_SURROGATE.sub(rb"\\ufffd", body))


def path_of(method: str, path: str) -> str | None:
    """Returns the path of the document that a request is for; None when there is none."""
    scope = {"type": "http", "path": path, "root_path": "", "method": method}
    for route in _routes():
        if route.matches(scope)[0] is Match.FULL and (
            method != "HEAD" or "GET" not in (route.methods or ())
        ):
            return route.path
    return None


def check(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Fails for an answer that the document does not have. `path` is without its query."""
    if path.startswith("/socket.io"):
        return
    content_type = (headers.get("Content-Type") or "").partition(";")[0].strip()
    known, described_as = path_of(method, path), method
    if known is None and method == "HEAD":
        # A route that answers GET answers HEAD with the same, and no body.
        known, described_as = path_of("GET", path), "GET"
    if known is None:
        assert status in OF_NO_ROUTE, f"{method} {path} is no route, and was answered {status}"
        assert method == "HEAD" or _decoded(body)["code"] == OF_NO_ROUTE[status]
        return
    said = f"{method} {known} answered {status}"
    answers = described()["paths"][known][described_as.lower()]["responses"]
    assert str(status) in answers, f"{said}, which is not documented: {body[:300]!r}"
    content = answers[str(status)].get("content", {})
    if status >= 400 and content_type == "application/json" and body:
        code = _decoded(body)["code"]
        assert CODES[code].status == status, f"{said} with {code}"
    for name in answers[str(status)].get("headers", {}):
        is_certain = name in ("X-Request-Id", "ETag", "Content-Range", "X-Sha256", "Retry-After")
        assert not is_certain or headers.get(name), f"{said} without {name}"
    if not body or method == "HEAD":
        return
    media_type = content_type if content_type in content else "*/*"
    assert media_type in content, f"{said} with {content_type}, which is not documented"
    if media_type == "application/json":
        validator = _validator(known, method.lower(), str(status), media_type)
        errors = [error.message for error in validator.iter_errors(_decoded(body))]
        assert not errors, f"{said} with {body[:300]!r}: {errors}"
