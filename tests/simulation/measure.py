"""What the simulated world costs: CPU for seeds, virtual seconds and steps, and where it goes.

The reference is a world of one server and three devices with 200 ops of people, some of another
program, and six faults within half a virtual minute. Figures depend on the machine and on what
else it does: a fixed piece of work is timed beside every seed, and told with them.
"""

from __future__ import annotations

import cProfile
import pstats
import time
from collections import Counter
from pathlib import Path
from random import Random

from tests.simulation.faults import FAULTS
from tests.simulation.plan import APP_EDITS, EDITS, Action, Plan
from tests.simulation.world import run

REFERENCE_OPS = 200
REFERENCE_SEEDS = range(10)
REFERENCE_S = 30.0

_OPS_OF = {"create": 2, "burst": 12, "new_tree": 3, "secret": 0}
"""Ops of one action of a kind; of every other kind one."""

ROOT = Path(__file__).parents[2]


def reference_plan(seed: int) -> Plan:
    """Returns the plan by which the cost is measured."""
    random = Random(f"reference {seed}")
    kinds: list[str] = []
    ops = 0
    while ops < REFERENCE_OPS:
        kinds.append(random.choice(EDITS))
        ops += _OPS_OF.get(kinds[-1], 1)
    kinds += [random.choice(APP_EDITS) for _ in range(8)]
    kinds += ["inspect"] * 6
    kinds += [random.choice(sorted(FAULTS)) for _ in range(6)]
    actions = [
        Action(
            round(random.random() * REFERENCE_S, 3),
            kind,
            random.randrange(3),
            round(random.random(), 6),
            round(random.random(), 6),
        )
        for kind in kinds
    ]
    in_order = tuple(sorted(actions, key=lambda action: action.at))
    return Plan(
        seed=seed,
        devices=3,
        has_app=True,
        first_in_first_out=False,
        delay_s=0.02,
        hint_loss=0.1,
        actions=in_order,
    )


def measure() -> None:
    """Prints what reference seeds cost."""
    run(reference_plan(0))  # Imports and caches.
    cpu_s = virtual_s = yardstick_s = 0.0
    steps = 0
    for seed in REFERENCE_SEEDS:
        yardstick_s += _yardstick_s()
        began = time.process_time()
        outcome = run(reference_plan(seed))
        cpu_s += time.process_time() - began
        virtual_s += outcome.virtual_s
        steps += outcome.steps
    count = len(REFERENCE_SEEDS)
    print(f"{count} reference seeds: {REFERENCE_OPS} ops, 3 devices, 6 faults")
    print(f"{cpu_s / count * 1000:8.0f} ms of CPU for a seed")
    print(f"{cpu_s / virtual_s * 1000:8.1f} ms for a virtual second, of which {virtual_s:.0f}")
    print(f"{cpu_s / steps * 1e6:8.1f} us for a step of the loop, {steps // count} in a seed")
    print(f"{yardstick_s / count * 1000:8.1f} ms for the yardstick: 60,000 dict entries")


def _yardstick_s() -> float:
    began = time.process_time()
    entries: dict[int, tuple[int, str]] = {}
    for number in range(60_000):
        entries[number % 1000] = (number, str(number))
    return time.process_time() - began


def profile(lines: int = 40) -> None:
    """Prints where the time of reference seeds goes, by module and by function."""
    run(reference_plan(0))
    profiler = cProfile.Profile()
    profiler.enable()
    for seed in REFERENCE_SEEDS[:4]:
        run(reference_plan(seed))
    profiler.disable()
    stats = pstats.Stats(profiler)
    modules: Counter[str] = Counter()
    for (file, _, name), (_, _, own_s, _, _) in stats.stats.items():  # type: ignore[attr-defined]
        modules[_module(file, name)] += own_s
    total_s = sum(modules.values())
    for module, own_s in modules.most_common(lines):
        print(f"{own_s / total_s:7.1%} {module}")
    stats.strip_dirs().sort_stats("tottime").print_stats(lines)


def _module(file: str, name: str) -> str:
    if file == "~":
        return name
    path = Path(file)
    if path.is_relative_to(ROOT) and "site-packages" not in path.parts:
        return path.relative_to(ROOT).as_posix()
    return "/".join(path.parts[-2:])
