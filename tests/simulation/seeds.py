"""The seeds of the test run, in chunks, so that workers share them."""

from __future__ import annotations

import pytest

from tests.simulation.plan import plan_of
from tests.simulation.world import Outcome, run

CHUNK_SEEDS = 5
SEEDS = range(300)

CHUNKS = [range(first, first + CHUNK_SEEDS) for first in SEEDS[::CHUNK_SEEDS]]


def require_kept(outcome: Outcome) -> None:
    """Fails with the last lines of the trace and the command that replays it."""
    if outcome.violation:
        told = "\n".join(outcome.lines[-60:])
        seed = outcome.plan.seed
        pytest.fail(
            f"{told}\n{outcome.violation}\n"
            f"replay: python -m tests.simulation --seed {seed} (--shrink leaves out the rest)",
            pytrace=False,
        )


def run_chunk(chunk: range) -> None:
    """Runs seeds one after the other."""
    for seed in chunk:
        require_kept(run(plan_of(seed)))
