"""Faults planted into the real code for the time of one test: each must be caught by some seed.

A mutant names what kills it: seeds, found by `python -m tests.simulation --mutant NAME`,
or a kept plan.
"""

from __future__ import annotations

from tests.simulation.mutants.durability import DURABILITY
from tests.simulation.mutants.mutant import Mutant
from tests.simulation.plan import plan_of
from tests.simulation.world import run

__all__ = ["MUTANTS", "Mutant", "is_caught"]

MUTANTS: dict[str, Mutant] = {**DURABILITY}


def is_caught(name: str, seed: int) -> bool:
    """Tells whether a seed catches a mutant."""
    with MUTANTS[name].planted():
        return bool(run(plan_of(seed)).violation)
