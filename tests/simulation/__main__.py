"""Runs the simulation by hand: one seed with its trace, or many with a summary.

python -m tests.simulation --seed 7                 replays one seed and prints what happened
python -m tests.simulation --seeds 1000 --from 500  runs many, on all cores
python -m tests.simulation --minutes 30             runs as many as there is time for
python -m tests.simulation --mutant NAME            finds the seeds that catch it
python -m tests.simulation --measure                what a seed costs; --profile tells where
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from tests.simulation.campaign import FAILURES, Campaign
from tests.simulation.measure import measure, profile
from tests.simulation.mutants import MUTANTS
from tests.simulation.one_seed import run_calm_seed, run_mutant_seed, run_seed
from tests.simulation.plan import Plan, plan_of
from tests.simulation.runner import SeedPool
from tests.simulation.shrink import shrunk
from tests.simulation.world import run

SEEDS = 200


def main() -> int:
    """Runs what the arguments say; returns 1 when a promise was broken."""
    arguments = _parser().parse_args()
    if arguments.measure:
        measure()
        return 0
    if arguments.profile:
        profile()
        return 0
    if arguments.seed is not None:
        return _replay(plan_of(arguments.seed, faults=not arguments.calm), arguments.shrink)
    if arguments.mutant is not None:
        first = arguments.first
        return _hunt(arguments.mutant, range(first, first + (arguments.seeds or SEEDS)))
    count = arguments.seeds
    if count is None and arguments.minutes is None:
        count = SEEDS
    campaign = Campaign(
        run_calm_seed if arguments.calm else run_seed,
        arguments.first,
        count,
        minutes=arguments.minutes,
        workers=arguments.workers,
        failures=arguments.failures,
    )
    return 1 if campaign.run() else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int, help="replay this one, with its trace")
    parser.add_argument("--shrink", action="store_true", help="leave out what is not needed")
    parser.add_argument("--calm", action="store_true", help="without faults")
    parser.add_argument("--seeds", type=int, help=f"how many to run ({SEEDS})")
    parser.add_argument("--from", type=int, default=0, dest="first", help="where to begin")
    parser.add_argument("--minutes", type=float, help="begin no more after so long")
    parser.add_argument("--workers", type=int, help="how many processes (one for each core)")
    parser.add_argument(
        "--failures",
        type=Path,
        default=FAILURES,
        help=f"where failing seeds are listed ({FAILURES})",
    )
    parser.add_argument("--mutant", choices=MUTANTS, help="find the seeds that catch it")
    parser.add_argument("--measure", action="store_true", help="print what a seed costs")
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    return parser


def _replay(plan: Plan, is_shrinking: bool) -> int:
    if is_shrinking:
        plan = shrunk(plan)
    outcome = run(plan, print)
    print(*plan.actions, sep="\n")
    print(outcome.violation or "every promise was kept", "digest", outcome.digest)
    return 1 if outcome.violation else 0


def _hunt(name: str, seeds: range) -> int:
    results = SeedPool(partial(run_mutant_seed, name)).run(iter(seeds))
    found = sorted(result.seed for result in results if result.violation)
    print(f"{name}: {len(found)} of {len(seeds)} seeds catch it: {found[:12]}")
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
