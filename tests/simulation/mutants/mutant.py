"""What a planted fault is: wrong code that stands in for right code within one test."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from tests.simulation.plan import plan_of
from tests.simulation.world import run


@dataclass(frozen=True, slots=True)
class Mutant:
    """Wrong code in the place of right code."""

    owner: type
    name: str
    code: Any
    seeds: tuple[int, ...] = ()
    plan: str = ""
    """The name of a kept plan that kills it."""

    def planted(self) -> AbstractContextManager[object]:
        """Has the wrong code run within a `with` block."""
        return patch.object(self.owner, self.name, self.code)


def killing_seeds(mutant: Mutant, seeds: range, wanted: int = 3) -> list[int]:
    """Returns some seeds that catch a mutant."""
    found: list[int] = []
    with mutant.planted():
        for seed in seeds:
            if run(plan_of(seed)).violation:
                found.append(seed)
                if len(found) == wanted:
                    break
    return found
