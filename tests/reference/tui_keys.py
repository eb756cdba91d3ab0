"""The keys of the terminal app by where they work, and the screens that can be drawn."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode

import sila_tui
from sila_tui.commands import GROUPS
from sila_tui.screens.help import NOT_OURS
from sila_tui.screenshot import SCREENS
from sila_tui.widgets.key_line import key_name

FIRST = ("Everywhere", "Lists", "Home", "Space", "Chat", "Files", "Tree")
"""The order of the groups; others follow by name."""


def keys() -> str:
    """Returns a table for each group of bindings."""
    groups: dict[str, dict[str, list[str]]] = {}
    for owner in _owners():
        title = getattr(owner, "BINDING_GROUP_TITLE", None) or owner.__name__
        for binding in Binding.make_bindings(owner.__dict__.get("BINDINGS", ())):
            if binding.description and not binding.system and binding.action not in NOT_OURS:
                names = groups.setdefault(title, {}).setdefault(binding.description, [])
                name = binding.key_display or key_name(binding.key)
                if name not in names:
                    names.append(name)
    order = sorted(groups, key=lambda title: (FIRST.index(title) if title in FIRST else 99, title))
    return "\n".join(_table(title, groups[title]) for title in order)


def screens() -> str:
    """Returns the names that `--screen` takes."""
    return ", ".join(f"`{name}`" for name in SCREENS) + "\n"


def commands() -> str:
    """Returns a table for each group of commands, with the keys that do the same."""
    lines: list[str] = []
    known = _keys_of_actions()
    for title, group in GROUPS.items():
        lines += [f"### {title}", "", "| Command | What it does | Keys |", "|---|---|---|"]
        for command in group:
            names = [f":{name}" for name in (command.usage, *command.others)]
            shown = ", ".join(f"`{_escaped(name)}`" for name in names)
            keys = sorted({key for action in command.actions for key in known.get(action, ())})
            told = " ".join(f"`{_escaped(key)}`" for key in keys)
            lines.append(f"| {shown} | {command.does} | {told} |")
        lines.append("")
    return "\n".join(lines)


def _keys_of_actions() -> dict[str, list[str]]:
    known: dict[str, list[str]] = {}
    for owner in _owners():
        for binding in Binding.make_bindings(owner.__dict__.get("BINDINGS", ())):
            names = known.setdefault(binding.action, [])
            names.append(binding.key_display or key_name(binding.key))
    return known


def bound_actions() -> Iterator[tuple[str, str]]:
    """Yields every class with keys of its own, and each action of them."""
    for owner in _owners():
        for binding in Binding.make_bindings(owner.__dict__.get("BINDINGS", ())):
            if binding.description:
                yield owner.__name__, binding.action


def _owners() -> Iterator[type[DOMNode]]:
    """Yields every class of the app that has bindings of its own, in a fixed order."""
    names = sorted(found.name for found in pkgutil.walk_packages(sila_tui.__path__, "sila_tui."))
    for name in names:
        if name.endswith("__main__"):
            continue
        module = importlib.import_module(name)
        for value in vars(module).values():
            is_ours = isinstance(value, type) and value.__module__ == name
            if is_ours and issubclass(value, (DOMNode, App)) and "BINDINGS" in vars(value):
                yield value


def _table(title: str, rows: dict[str, list[str]]) -> str:
    lines = [f"### {title}", "", "| Keys | What they do |", "|---|---|"]
    for what, names in rows.items():
        lines.append(f"| {' '.join(f'`{_escaped(name)}`' for name in names)} | {what} |")
    return "\n".join([*lines, ""])


def _escaped(name: str) -> str:
    return name.replace("|", "\\|")
