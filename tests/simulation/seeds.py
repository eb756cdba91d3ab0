"""The seeds of the test run, in chunks, so that workers share them."""

from __future__ import annotations

from tests.simulation.plan import plan_of
from tests.simulation.world import Outcome, run

CHUNK_SEEDS = 5
SEEDS = range(500)

CHUNKS = [range(first, first + CHUNK_SEEDS) for first in SEEDS[::CHUNK_SEEDS]]


def told(outcome: Outcome) -> str:
    """Tells of a broken promise: the last lines of the trace and the command that replays it.

    Empty where every promise was kept.
    """
    if not outcome.violation:
        return ""
    trace = "\n".join(outcome.lines[-60:])
    return (
        f"{trace}\n{outcome.violation}\nreplay: python -m tests.simulation "
        f"--seed {outcome.plan.seed} (--shrink leaves out the rest)"
    )


def first_violation(seeds: range) -> str:
    """Runs seeds one after the other and tells of the first broken promise, if there is one."""
    return next(filter(None, (told(run(plan_of(seed))) for seed in seeds)), "")
