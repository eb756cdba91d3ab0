"""Wrong code is caught: a checker that never fails proves nothing."""

from __future__ import annotations

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.plan import plan_of
from tests.simulation.regressions import REGRESSIONS
from tests.simulation.world import run


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str) -> None:
    mutant = MUTANTS[name]
    plans = [plan_of(seed) for seed in mutant.seeds]
    if mutant.plan:
        plans.append(REGRESSIONS[mutant.plan])

    with mutant.planted():
        caught = any(run(plan).violation for plan in plans)

    assert caught, f"nothing notices {name}"
