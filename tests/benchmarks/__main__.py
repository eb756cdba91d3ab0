"""Measures loading and merging against npm's reptree and Loro, in one run, as ratios.

usage: make bench [ARGS="--rounds N --write"]
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable
from statistics import median
from typing import Any

from tests.benchmarks import measures
from tests.benchmarks.report import Figure, table, write_between_markers
from tests.interop.node_env import ROOT

VERTICES = 50_000
VERTICES_UNSORTED = 5_000
"""More would keep reptree busy for hours: its cost grows with the square."""
VERTICES_MILLION_OPS = 208_000
LATE_OPS = 10_000
PAGE = ROOT / "docs" / "performance.md"

Run = Callable[[], dict[str, Any]]


def alternating(rounds: int, *runs: Run) -> list[list[dict[str, Any]]]:
    """Runs contestants in turns, so that whatever else the machine does meets all of them."""
    results: list[list[dict[str, Any]]] = [[] for _ in runs]
    for number in range(rounds):
        for result, run in zip(results, runs, strict=True):
            result.append(run())
        print(f"  round {number + 1} of {rounds} is done", file=sys.stderr)
    return results


def middle(results: list[dict[str, Any]], key: str = "seconds") -> float:
    """Returns the median of one figure."""
    return median(float(result[key]) for result in results)


def load_figures(rounds: int) -> list[Figure]:
    """Loading and late ops, on 240 thousand ops of four peers in short bursts."""
    measures.loro_updates_of(VERTICES)
    ours, theirs, loro = alternating(
        rounds,
        lambda: measures.load_ours(VERTICES, late_ops=LATE_OPS),
        lambda: measures.load_reptree(VERTICES),
        lambda: measures.load_loro(VERTICES),
    )
    own, node, rust = middle(ours), middle(theirs), middle(loro)
    late = middle(ours, "late_seconds")
    peak = max(float(run["peak_mb"]) for run in ours)
    assert {run["vertices"] for run in ours} == {run["vertices"] for run in theirs}
    count = f"{ours[0]['ops']} ops"
    return [
        Figure("faster than reptree, sorted", node / own, "times", 6, True, ratio(node, own)),
        Figure("of Loro's import", own / rust, "times", 4, detail=ratio(own, rust)),
        Figure("10,000 late ops, of a load", late / own, "times", 1.5, detail=ratio(late, own)),
        Figure("peak memory, late ops included", peak, "MB", 200, detail=count),
    ]


def ratio(one: float, other: float) -> str:
    """Tells which times a ratio is made of."""
    return f"{one:.2f} s / {other:.2f} s"


def unsorted_figure(rounds: int) -> Figure:
    """Loading file by file, which the original does op by op."""
    ours = [measures.load_ours(VERTICES_UNSORTED) for _ in range(rounds)]
    theirs = measures.load_reptree(VERTICES_UNSORTED, in_order=False)
    own, node = middle(ours), float(theirs["seconds"])
    detail = f"{node:.1f} s / {own:.3f} s, {theirs['ops']} ops"
    return Figure("faster than reptree, file by file", node / own, "times", 500, True, detail)


def million_figures() -> list[Figure]:
    """A million ops."""
    ours = measures.load_ours(VERTICES_MILLION_OPS)
    detail = f"{ours['ops']} ops"
    return [
        Figure("a million ops", float(ours["seconds"]), "s", 5, detail=detail),
        Figure("their memory", float(ours["peak_mb"]), "MB", 600, detail=detail),
    ]


def main() -> int:
    """Prints the table; returns 1 when a promise is not kept."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each contestant")
    parser.add_argument("--write", action="store_true", help="write the table to docs/")
    arguments = parser.parse_args()
    figures = load_figures(arguments.rounds)
    figures += million_figures()
    print(f"{table(figures)}\n  the last one takes a minute or two", file=sys.stderr)
    figures.append(unsorted_figure(arguments.rounds))
    text = table(figures)
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
    text += f"\n\nMedians of {arguments.rounds} alternating runs in one go; {machine}."
    print(text)
    if arguments.write:
        write_between_markers(PAGE, text)
    return 0 if all(figure.is_kept for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
