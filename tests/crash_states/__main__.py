"""Prints what is looked at: `python -m tests.crash_states`."""

from __future__ import annotations

import sys
from collections import Counter

from tests.crash_states.cases import CASES, FAILING
from tests.crash_states.explore import explore
from tests.crash_states.failures import fail_every_call
from tests.crash_states.mutants import MUTANTS

ROW = "{:<40} {:>6} {:>7} {:>6} {:>9} {:>8} {:>7}\n"


def main() -> None:
    """Goes through every case; a violation ends it."""
    tell = sys.stdout.write
    tell(ROW.format("case", "calls", "cuts", "kills", "recovery", "failing", "CPU s"))
    sums: Counter[int] = Counter()
    cpu_s = 0.0
    for case in CASES.values():
        found = explore(case)
        runs = [fail_every_call(case, kind) for other, kind in FAILING if other is case]
        failing = sum(run.runs for run in runs)
        row_s = found.cpu_s + sum(run.cpu_s for run in runs)
        columns = (found.calls, found.power_cuts, found.kills, found.during_recovery, failing)
        sums.update(dict(enumerate(columns)))
        cpu_s += row_s
        name = case.name + (" *" if found.count.is_cut else "")
        tell(ROW.format(name, *columns, f"{row_s:.1f}"))
    tell(ROW.format("together", *(sums[column] for column in range(5)), f"{cpu_s:.1f}"))
    tell(f"* more states than were looked at; {len(MUTANTS)} mutants\n")


main()
