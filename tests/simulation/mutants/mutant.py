"""What a planted fault is: wrong code that stands in for right code within one test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import ModuleType

    from tests.simulation.plan import Plan


@dataclass(frozen=True, slots=True)
class WrongCode:
    """Wrong code in the place of right code."""

    owner: type | ModuleType
    name: str
    code: Any

    def planted(self) -> AbstractContextManager[object]:
        """Has the wrong code run within a `with` block."""
        return patch.object(self.owner, self.name, self.code)


@dataclass(frozen=True, slots=True)
class Mutant(WrongCode):
    """Wrong code that breaks a promise in the simulated world."""

    plan: Plan
    """A small one that shows it, if need be under another seed than its own."""
