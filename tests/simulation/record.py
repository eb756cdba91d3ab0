"""What was promised: every edit that was acknowledged, kept apart from all code under test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.simulation.reader import Line, normal_text

OpKey = tuple[str, int, str]
"""Tree, counter and peer."""

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
    secret_values: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Every value that somebody wanted to give a name."""
    removed: dict[str, str] = field(default_factory=dict)
    """Values that were removed, by name, and not set since: they must not come back."""
    ever_removed: set[str] = field(default_factory=set)
    """Names of which somebody tried to remove a value: an older one may be ended by that."""

    app_secrets: list[str] = field(default_factory=list)
    """What the other program made its secret, one after the other."""
    app_secret_at_least: int = 0
    """Where in that list the first value stands that may still be the secret's."""

    lost: set[Fact] = field(default_factory=set)
    """What was acknowledged, and nobody holds any more since parts of the world went back."""
    withdrawn: dict[str, set[Fact]] = field(default_factory=dict)
    """By device: what it does not hold itself since it went back."""
    folders_put_back: set[str] = field(default_factory=set)
    """Devices whose folder went back to an older copy: a file that was kept there may be gone."""
    shaken_at: dict[str, float] = field(default_factory=dict)
    """When a device last went back, or the other program took lines out of a file of its own."""
    deletions: set[tuple[str, str]] = field(default_factory=set)
    """Every vertex that somebody tried to delete, with its tree before it."""
    put_away: set[str] = field(default_factory=set)
    """Chats that somebody tried to delete: what refers to them."""

    said_by: defaultdict[str, list[Fact]] = field(default_factory=lambda: defaultdict(list))
    """What was acknowledged to the people at each device, one after the other."""
    offered_files: set[str] = field(default_factory=set)
    """Immutable files that somebody wanted to keep, by their SHA-256."""
    files: set[str] = field(default_factory=set)
    """Immutable files whose bytes were kept for certain, by their SHA-256."""
    unnoticed_files: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By server: immutable files that it lost when it went back, and said nothing."""
    mutable_files: dict[str, bytes] = field(default_factory=dict)
    """What each mutable file was made last, by its UUID."""
    has_gone_back: bool = False
    """Whether a part of the world was put back to what it was earlier."""
    live: set[OpKey] = field(default_factory=set)
    """Ids under which people set live state."""
    forged: set[OpKey] = field(default_factory=set)
    """Op ids that may have more than one content: somebody saw to it."""

    def forge(self, lines: Iterable[Line]) -> None:
        """Notes what a hostile client says."""
        self.forged.update((line.tree, line.counter, line.peer) for line in lines)

    def said(self, device: str, tree: str, target: str, key: str, value: object) -> None:
        """Notes a property that was acknowledged."""
        self._said(device, (tree, target, key, normal_text(value)))

    def moved(self, device: str, tree: str, target: str, parent: str) -> None:
        """Notes a move that was acknowledged."""
        self._said(device, (tree, target, None, parent))

    def _said(self, device: str, fact: Fact) -> None:
        self.said_by[device].append(fact)
        self.add(device, fact)

    def add(self, device: str, fact: Fact) -> None:
        """Notes anything that was acknowledged."""
        self.facts.setdefault(device, set()).add(fact)
        self.lost.discard(fact)
        self.withdrawn.get(device, set()).discard(fact)

    def withdraw(self, device: str, held: set[Fact]) -> None:
        """Has a device promise no more than what it still holds."""
        self.withdrawn[device] = self.facts.get(device, set()) - held

    def promised_by(self, device: str) -> set[Fact]:
        """Returns what a device must have in its folder when it says that all is well."""
        return self.facts.get(device, set()) - self.lost - self.withdrawn.get(device, set())

    def promises_since(self, device: str, count: int) -> bool:
        """Tells whether a device has anything to keep of what people said after the first ones.

        What it held no more when it went back is not its own any more, and nothing waits for it.
        """
        return not self.promised_by(device).isdisjoint(self.said_by[device][count:])

    def take_back(self, device: str, fact: Fact) -> None:
        """Ends a promise that who made it could not keep itself."""
        self.facts.get(device, set()).discard(fact)

    @property
    def all_facts(self) -> set[Fact]:
        """Returns every promise that can be kept."""
        return set().union(*self.facts.values()) - self.lost
