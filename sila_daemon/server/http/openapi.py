"""The OpenAPI document: every route of the registry, with its right, bodies and refusals."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import msgspec

from sila_daemon.server.accounts.rights import Right
from sila_daemon.server.http.about import JSON, Answer, Body, Parameter
from sila_daemon.server.http.answers import Refused
from sila_daemon.server.http.codes import CODES

if TYPE_CHECKING:
    from sila_daemon.server.http.rules import RouteRule

_INTRODUCTION = (
    "Accounts, spaces, files and secrets of a Sila server. Ops travel over Socket.IO, at the path"
    " `/socket.io`, in one namespace for each space. Times are Unix milliseconds. Every GET answers"
    " HEAD, too. Every answer has an `X-Request-Id`, which the log of the server has as well."
    " Members that are not described are ignored in requests, and do not occur in answers."
)

_OF_TOKENS = {"unauthorized", "bad_token", "auth_expired", "revoked"}
_OF_MEMBERS = {"not_found", "space_missing", "space_busy"}
_OF_BODIES = {"bad_json", "too_large", "incomplete"}
_WITHOUT_DISK = ("/health", "/ready", "/openapi.json", "/metrics")

_HEX = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_IN_PATH: Mapping[str, Mapping[str, Any]] = {
    "space_id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{3,128}$"},
    "user_id": _HEX,
    "session_id": _HEX,
    "invite_id": _HEX,
    "upload_id": _HEX,
    "uuid": _HEX,
    "token": {"type": "string", "pattern": "^inv_[0-9a-f]{64}$"},
    "blob_hash": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "kind": {"type": "string", "enum": ["static", "var"]},
    "name": {"type": "string", "pattern": "^([0-9a-f]{32}|[0-9a-f]{64})$"},
}
"""What may stand in the places of a path."""

_HEADERS = {
    "ETag": "Tells this state from others.",
    "Accept-Ranges": "Ranges are of bytes.",
    "Content-Range": "Which bytes of how many.",
    "X-Sha256": "The SHA-256 of the whole file.",
    "Location": "Where the upload goes on.",
    "Upload-Offset": "How many bytes have come.",
    "Upload-Complete": "Whether all of them have.",
    "Upload-Limit": "What an upload is held to.",
    "Upload-Length": "How many bytes there will be, where that is known.",
    "Retry-After": "Seconds to wait.",
    "X-Request-Id": "Names the request in the log of the server.",
}


class Description:
    """The document of a set of rules; made when somebody asks for it first."""

    def __init__(self, rules: Sequence[RouteRule]) -> None:
        self._rules = rules

    @cached_property
    def json(self) -> bytes:
        """The document as it is served."""
        return json.dumps(document(self._rules)).encode()


def document(rules: Sequence[RouteRule]) -> dict[str, Any]:
    """Describes routes in OpenAPI 3.1."""
    schemas = _Schemas(rules)
    paths: dict[str, dict[str, Any]] = {}
    for rule in rules:
        paths.setdefault(rule.path, {})[rule.method.lower()] = _operation(rule, schemas)
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sila-server",
            "version": version("sila-daemon"),
            "description": _INTRODUCTION,
        },
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {"bearer": bearer},
            "headers": {
                name: {"description": text, "schema": {"type": "string"}}
                for name, text in _HEADERS.items()
            },
        },
    }


def codes_of(rule: RouteRule) -> frozenset[str]:
    """Returns every code that a route may refuse with, but for faults of the server."""
    codes = set(rule.about.codes)
    if rule.right is not Right.PUBLIC:
        codes |= _OF_TOKENS
    if rule.right.is_of_members:
        codes |= _OF_MEMBERS
        if rule.right is not Right.VIEWER:
            codes.add("not_permitted")
    if rule.about.body is not None and JSON in rule.about.body.media_types:
        codes |= _OF_BODIES
    if rule.path not in _WITHOUT_DISK:
        codes.add("storage")
    return frozenset(codes)


class _Schemas:
    """The schemas of all types that the rules name."""

    def __init__(self, rules: Iterable[RouteRule]) -> None:
        shapes = {id(Refused): Refused}
        for rule in rules:
            found = [answer.shape for answer in rule.about.answers.values()]
            found += [rule.about.body.shape] if rule.about.body is not None else []
            shapes |= {id(shape): shape for shape in found if shape is not None}
        made, self.components = msgspec.json.schema_components(
            list(shapes.values()), ref_template="#/components/schemas/{name}"
        )
        self._made = dict(zip(shapes, made, strict=True))

    def of(self, shape: Any) -> dict[str, Any]:
        """Returns the schema of a type, or what refers to it."""
        return self._made[id(shape)]


def _operation(rule: RouteRule, schemas: _Schemas) -> dict[str, Any]:
    about = rule.about
    made: dict[str, Any] = {
        "operationId": _name(rule),
        "summary": about.summary,
        "description": f"For: {rule.right.value}.",
        "x-right": rule.right.value,
        "tags": [_tag(rule.path)],
        "responses": _responses(rule, schemas),
        "security": [] if rule.right is Right.PUBLIC else [{"bearer": []}],
    }
    if rule.path == "/metrics":
        made["security"] = [{}, {"bearer": []}]
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": dict(_IN_PATH[name])}
        for name in re.findall(r"\{(\w+)\}", rule.path)
    ]
    parameters += [_parameter(parameter) for parameter in about.parameters]
    if parameters:
        made["parameters"] = parameters
    if about.body is not None:
        made["requestBody"] = _body(about.body, schemas)
    return made


def _name(rule: RouteRule) -> str:
    words = re.findall(r"\w+", rule.path)
    return "_".join([rule.method.lower(), *words])


def _tag(path: str) -> str:
    for part, tag in (("/files/", "files"), ("/members", "members"), ("/invites", "members")):
        if part in path:
            return tag
    first = path.split("/")[1]
    return {"device": "auth"}.get(first, first if first in ("auth", "spaces") else "server")


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.is_required,
        "description": parameter.text,
        "schema": dict(parameter.schema),
    }


def _body(body: Body, schemas: _Schemas) -> dict[str, Any]:
    # In OpenAPI 3.1 bytes have no schema.
    media = {} if body.shape is None else {"schema": schemas.of(body.shape)}
    return {"required": body.is_required, "content": dict.fromkeys(body.media_types, media)}


def _responses(rule: RouteRule, schemas: _Schemas) -> dict[str, Any]:
    made = {
        str(status): _response(status, answer, schemas)
        for status, answer in rule.about.answers.items()
    }
    by_status: dict[int, list[str]] = {}
    for code in sorted(codes_of(rule)):
        by_status.setdefault(CODES[code].status, []).append(code)
    for status in sorted(by_status):
        made[str(status)] = _refusal(rule, status, by_status[status], schemas)
    return made


def _response(status: int, answer: Answer, schemas: _Schemas) -> dict[str, Any]:
    made = {"description": answer.text or _phrase(status), "headers": _headers(answer.headers)}
    if answer.has_body:
        media = {} if answer.shape is None else {"schema": schemas.of(answer.shape)}
        made["content"] = {answer.media_type: media}
    return made


def _refusal(rule: RouteRule, status: int, codes: list[str], schemas: _Schemas) -> dict[str, Any]:
    meanings = "; ".join(f"`{code}`: {CODES[code].meaning}" for code in codes)
    media: dict[str, Any] = {}
    if rule.about.refuses_with == JSON:
        these = {"properties": {"code": {"enum": codes}}}
        media = {"schema": {"allOf": [schemas.of(Refused), these]}}
    made: dict[str, Any] = {
        "description": f"{_phrase(status)} {meanings}.",
        "headers": _headers(("Retry-After",) if status == HTTPStatus.TOO_MANY_REQUESTS else ()),
    }
    if rule.method != "HEAD":
        made["content"] = {rule.about.refuses_with: media}
    return made


def _phrase(status: int) -> str:
    return f"{HTTPStatus(status).phrase}."


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, "X-Request-Id")}
