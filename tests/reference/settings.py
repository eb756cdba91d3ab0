"""The settings of the server, as tables: what is read from the types that hold them."""

from __future__ import annotations

import argparse
import ast
import inspect
import textwrap
from typing import Any, Literal, get_args, get_origin

import msgspec

from sila_daemon.server import cli, cli_serve
from sila_daemon.server.settings import RANGES, ServerSettings, variable_of


def tables() -> str:
    """A table for each section."""
    flags = {name: "--" + flag.replace("_", "-") for flag, name in cli_serve._FLAGS.items()}
    lines: list[str] = []
    for section in msgspec.structs.fields(ServerSettings):
        kind: Any = section.type
        texts = meanings(kind)
        lines += [f"### `[{section.name}]`", "", inspect.getdoc(kind) or "", ""]
        lines += [
            "| setting | default | may be | variable, flag | meaning |",
            "|---|---|---|---|---|",
        ]
        for field in msgspec.structs.fields(kind):
            name = f"{section.name}.{field.name}"
            said = f"`{variable_of(name)}`"
            if name in flags:
                said += f", `{flags[name]}`"
            cells = (f"`{field.name}`", _value(field.default), _choices(name, field.type), said)
            lines.append(f"| {' | '.join(cells)} | {texts[field.name]} |")
        lines.append("")
    return "\n".join(lines)


def meanings(kind: type) -> dict[str, str]:
    """Returns what stands under each field of a class."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)
    found: dict[str, str] = {}
    for field, said in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            value = said.value if isinstance(said, ast.Expr) else None
            text = value.value if isinstance(value, ast.Constant) else None
            assert isinstance(text, str), f"nothing is said about {kind.__name__}.{field.target.id}"
            found[field.target.id] = " ".join(text.split())
    return found


def commands() -> str:
    """Every command with what it does, as its parser has them."""
    lines = ["| command | does |", "|---|---|"]
    for words, parser, text in _leaves(cli._parser(), (), ""):
        needed = [
            action.metavar or action.dest.upper()
            for action in parser._actions
            if not action.option_strings and action.nargs != "?"
        ]
        optional = [
            action.option_strings[-1]
            for action in parser._actions
            if action.option_strings
            and action.option_strings[-1] not in ("--help", "--data", "--json")
        ]
        name = " ".join(map(str, (*words, *needed)))
        said = f"{text}: {', '.join(f'`{one}`' for one in optional)}" if optional else text
        lines.append(f"| `sila-server {name}` | {said} |")
    return "\n".join(lines) + "\n"


def _leaves(parser: argparse.ArgumentParser, words: tuple[str, ...], text: str) -> list[Any]:
    found: list[Any] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            said = {one.dest: one.help for one in action._choices_actions}
            for name, child in action.choices.items():
                found += _leaves(child, (*words, name), str(said.get(name, "")))
    return found or [(words, parser, text)]


def _value(value: Any) -> str:
    if value is msgspec.NODEFAULT or value == []:
        return "none"
    if isinstance(value, str):
        return f"`{value}`" if value else "none"
    return _number(value)


def _choices(name: str, kind: Any) -> str:
    if name in RANGES:
        low, high = RANGES[name]
        return f"{_number(int(low))} to {_number(int(high))}"
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    return "a list" if get_origin(kind) is list else "text"


def _number(value: int) -> str:
    return str(value) if value < 100_000 else f"{value:,}"
