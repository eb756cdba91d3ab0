"""Runs the simulation by hand: one seed with its trace, or many with a summary.

python -m tests.simulation --seed 7            replays one seed and prints what happened
python -m tests.simulation --seeds 1000        runs many, on all cores
python -m tests.simulation --mutant NAME       finds the seeds that catch it
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.mutants import MUTANTS, is_caught
from tests.simulation.plan import Plan, plan_of
from tests.simulation.world import Outcome, run


def main() -> int:
    """Runs what the arguments say; returns 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seed", type=int, help="replay this one, with its trace")
    parser.add_argument("--seeds", type=int, default=200, help="how many to run")
    parser.add_argument("--first", type=int, default=0, help="where to begin")
    parser.add_argument("--calm", action="store_true", help="without faults")
    parser.add_argument("--shrink", action="store_true", help="leave out what is not needed")
    parser.add_argument("--mutant", choices=MUTANTS, help="find the seeds that catch it")
    arguments = parser.parse_args()
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    if arguments.mutant is not None:
        return _hunt(arguments.mutant, seeds)
    if arguments.seed is not None:
        return _replay(plan_of(arguments.seed, faults=not arguments.calm), arguments.shrink)
    return _many(seeds, arguments.calm)


def _hunt(name: str, seeds: range) -> int:
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        caught = pool.map(is_caught, [name] * len(seeds), seeds, chunksize=4)
        found = [seed for seed, is_found in zip(seeds, caught, strict=True) if is_found]
    print(f"{name}: {len(found)} of {len(seeds)} seeds catch it: {found[:12]}")
    return 0 if found else 1


def _replay(plan: Plan, is_shrinking: bool) -> int:
    if is_shrinking:
        plan = shrunk(plan)
    outcome = run(plan, print)
    print(*plan.actions, sep="\n")
    print(outcome.violation or "every promise was kept", "digest", outcome.digest)
    return 1 if outcome.violation else 0


def shrunk(plan: Plan) -> Plan:
    """Leaves out actions, from halves to single ones, while some promise stays broken."""
    actions = plan.actions
    size = max(1, len(actions) // 2)
    while True:
        start = 0
        while start < len(actions):
            fewer = actions[:start] + actions[start + size :]
            if run(plan.with_actions(fewer)).violation:
                actions = fewer
            else:
                start += size
        if size == 1:
            return plan.with_actions(actions)
        size //= 2


def one(seed: int, is_calm: bool = False) -> Outcome:
    """Runs one seed."""
    return run(plan_of(seed, faults=not is_calm))


def _many(seeds: range, is_calm: bool) -> int:
    began = time.perf_counter()
    faults: Counter[str] = Counter()
    virtual_s, broken = 0.0, 0
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        outcomes = pool.map(one, seeds, [is_calm] * len(seeds), chunksize=4)
        for done, outcome in enumerate(outcomes, 1):
            faults.update(outcome.faults)
            virtual_s += outcome.virtual_s
            if outcome.violation:
                broken += 1
                print(f"seed {outcome.plan.seed}: {outcome.violation[:300]}", flush=True)
            if done % 500 == 0:
                print(f"{done} of {len(seeds)}", file=sys.stderr, flush=True)
    took_s = time.perf_counter() - began
    print(f"{len(seeds)} seeds in {took_s:.1f} s ({len(seeds) / took_s:.1f} a second)")
    print(f"{virtual_s / 3600:.1f} virtual hours; {broken} seeds broke a promise")
    for kind, count in sorted(faults.items()):
        print(f"{count:8} {kind}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
