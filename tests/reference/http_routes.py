"""The routes of the server for people to read: made of the OpenAPI document."""

from __future__ import annotations

from typing import Any

from sila_daemon.server.http.codes import CODES
from sila_daemon.server.http.openapi import codes_of, document
from sila_daemon.server.http.routes.table import ROUTE_RULES

TITLES = {
    "server": "The server itself",
    "auth": "Signing in",
    "spaces": "Spaces",
    "members": "Members and invites",
    "files": "Files",
}
"""The tags of the document, in the order of the page."""


def routes() -> str:
    """Every route with what it takes, gives, and refuses with."""
    described = document(ROUTE_RULES)["paths"]
    lines: list[str] = []
    for tag, title in TITLES.items():
        lines += [f"### {title}", ""]
        for rule in ROUTE_RULES:
            operation = described[rule.path][rule.method.lower()]
            if operation["tags"] == [tag]:
                lines += [f"#### `{rule.method} {rule.path}`", ""]
                lines += [f"{operation['summary']} For: {rule.right.value}.", ""]
                lines += [f"- {line}" for line in _facts(operation)]
                codes = ", ".join(f"`{code}`" for code in sorted(codes_of(rule)))
                lines += [f"- Refuses with {codes}.", ""] if codes else [""]
    return "\n".join(lines)


def _facts(operation: dict[str, Any]) -> list[str]:
    lines = []
    for parameter in operation.get("parameters", []):
        if parameter["in"] != "path":
            kind = "Header" if parameter["in"] == "header" else "Query"
            needed = ", required" if parameter["required"] else ""
            lines.append(f"{kind} `{parameter['name']}`{needed}: {parameter['description']}")
    for kind, media in operation.get("requestBody", {}).get("content", {}).items():
        needed = "" if operation["requestBody"]["required"] else ", or nothing"
        lines.append(f"Takes {_body(kind, media)}{needed}.")
    for status, answer in operation["responses"].items():
        if int(status) < 400 or status == "416":
            headers = [name for name in answer["headers"] if name != "X-Request-Id"]
            told = [_body(kind, media) for kind, media in answer.get("content", {}).items()]
            told += [f"`{name}`" for name in headers]
            lines.append(f"{status}: {', '.join(told) or 'nothing more'}.")
    return lines


def _body(kind: str, media: dict[str, Any]) -> str:
    schema = media.get("schema")
    if schema is None:
        return "bytes" if kind == "*/*" else f"`{kind}`"
    shown = _type(schema)
    return f"{shown}" if kind == "application/json" else f"`{kind}` of {shown}"


def types() -> str:
    """Every type of a body."""
    lines = []
    for name, schema in sorted(document(ROUTE_RULES)["components"]["schemas"].items()):
        lines += [f"#### {name}", "", schema["description"], ""]
        lines += ["| member | type | |", "|---|---|---|"]
        for member, inner in schema["properties"].items():
            needed = "" if member in schema.get("required", ()) else "?"
            text = str(inner.get("description", ""))
            lines.append(f"| `{member}{needed}` | {_type(inner)} | {text} |")
        lines.append("")
    return "\n".join(lines)


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return f"`{str(schema['const']).lower()}`"
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if "pattern" in schema:
        return f"text like `{schema['pattern']}`"
    if "minLength" in schema:
        return f"text of {schema['minLength']} to {schema['maxLength']} characters"
    names = {"string": "text", "integer": "number", "boolean": "`true` or `false`"}
    kind = schema.get("type", "anything")
    return names.get(kind, str(kind))


def codes() -> str:
    """Every code over HTTP."""
    lines = ["| code | status | meaning |", "|---|---|---|"]
    for code, one in CODES.items():
        lines.append(f"| `{code}` | {one.status} | {one.meaning} |")
    return "\n".join(lines) + "\n"
