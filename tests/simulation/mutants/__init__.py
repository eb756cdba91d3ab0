"""Faults planted into the real code for the time of one test: each must be caught by some seed.

A mutant has a plan that kills it. `python -m tests.simulation --mutant NAME` finds seeds that do.
"""

from __future__ import annotations

from tests.simulation.mutants.durability import DURABILITY
from tests.simulation.mutants.files import FILES
from tests.simulation.mutants.folders import FOLDERS
from tests.simulation.mutants.guard import GUARD
from tests.simulation.mutants.hearing import HEARING
from tests.simulation.mutants.mutant import Mutant
from tests.simulation.mutants.originals import ORIGINALS
from tests.simulation.mutants.refusals import REFUSALS
from tests.simulation.mutants.time_travel import TIME_TRAVEL

__all__ = ["MUTANTS", "Mutant"]

MUTANTS: dict[str, Mutant] = {
    **DURABILITY,
    **FOLDERS,
    **REFUSALS,
    **HEARING,
    **TIME_TRAVEL,
    **FILES,
    **GUARD,
    **ORIGINALS,
}
