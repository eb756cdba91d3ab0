"""One seed as a job of a long run."""

from __future__ import annotations

import resource
import time

from tests.simulation.mutants import MUTANTS
from tests.simulation.plan import plan_of
from tests.simulation.runner import SeedResult
from tests.simulation.world import run


def run_seed(seed: int, *, faults: bool = True) -> SeedResult:
    """Runs one seed in this process."""
    began = time.process_time()
    outcome = run(plan_of(seed, faults=faults))
    return SeedResult(
        seed,
        outcome.violation,
        outcome.faults,
        outcome.virtual_s,
        time.process_time() - began,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def run_calm_seed(seed: int) -> SeedResult:
    """Runs one seed without faults."""
    return run_seed(seed, faults=False)


def run_mutant_seed(name: str, seed: int) -> SeedResult:
    """Runs one seed with a fault planted into the real code."""
    with MUTANTS[name].planted():
        return run_seed(seed)
