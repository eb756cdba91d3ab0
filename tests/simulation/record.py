"""What was promised: every edit that was acknowledged, kept apart from all code under test."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.reader import Line

Fact = tuple[str, str, str | None, str | None]
"""Tree, target, key and JSON text; for a move no key, and the parent."""


class ViolationError(AssertionError):
    """A promise was broken."""


def fact_of(line: Line) -> Fact:
    """Returns what an op says, whoever gave it which id."""
    return line.tree, line.target, line.key, line.value


@dataclass(slots=True)
class Record:
    """The promises of one run."""

    facts: dict[str, set[Fact]] = field(default_factory=dict)
    """By the device on which they were acknowledged."""
    secrets: dict[str, str] = field(default_factory=dict)
    """What may be the value of each name: one writer for each, its last acknowledged."""
    removed: dict[str, str] = field(default_factory=dict)
    """Values that were removed, by name, and not set since: they must not come back."""

    def said(self, device: str, tree: str, target: str, key: str, value: object) -> None:
        """Notes a property that was acknowledged."""
        self.add(device, (tree, target, key, json.dumps(value, sort_keys=True)))

    def moved(self, device: str, tree: str, target: str, parent: str) -> None:
        """Notes a move that was acknowledged."""
        self.add(device, (tree, target, None, parent))

    def add(self, device: str, fact: Fact) -> None:
        """Notes anything that was acknowledged."""
        self.facts.setdefault(device, set()).add(fact)

    def take_back(self, device: str, fact: Fact) -> None:
        """Ends a promise that who made it could not keep itself."""
        self.facts.get(device, set()).discard(fact)

    @property
    def all_facts(self) -> set[Fact]:
        """Returns every promise."""
        return set().union(*self.facts.values())
