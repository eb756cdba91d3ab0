"""Faults planted into the real code for the time of one test: each must be caught by some seed.

A mutant names what kills it: seeds, found by `killing_seeds`, or a kept plan.
"""

from __future__ import annotations

from tests.simulation.mutants.durability import DURABILITY
from tests.simulation.mutants.mutant import Mutant, killing_seeds

__all__ = ["MUTANTS", "Mutant", "killing_seeds"]

MUTANTS: dict[str, Mutant] = {**DURABILITY}
