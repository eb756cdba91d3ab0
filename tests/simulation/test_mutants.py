"""Wrong code is caught: a checker that never fails proves nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.seeds import told
from tests.simulation.world import run

CHANCES = 10
"""Under so many seeds a plan may kill its mutant; most do under each."""


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str) -> None:
    mutant = MUTANTS[name]
    chances = (mutant.plan, *(replace(mutant.plan, seed=seed) for seed in range(1, CHANCES)))

    with mutant.planted():
        caught = next(filter(None, (run(plan).violation for plan in chances)), "")

    assert caught, f"nothing notices {name}"
    assert "TypeError" not in caught, f"{name} does not fit what it stands in for: {caught}"


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_what_kills_a_mutant_harms_nobody_else(name: str) -> None:
    assert told(run(MUTANTS[name].plan)) == ""
