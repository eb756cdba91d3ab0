"""Loading and merging against npm's reptree and Loro, as ratios of one run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from statistics import median
from typing import Any

from tests.benchmarks import measures
from tests.benchmarks.report import Figure, table

VERTICES = 50_000
VERTICES_UNSORTED = 5_000
"""More would keep reptree busy for hours: its cost grows with the square."""
VERTICES_MILLION_OPS = 208_000
LATE_OPS = 10_000

Run = Callable[[], dict[str, Any]]


def load_figures(rounds: int) -> list[Figure]:
    """Returns all figures about loading; takes some minutes."""
    figures = _beside_others(rounds) + _million_ops()
    print(f"{table(figures)}\n  the next one takes a minute or two", file=sys.stderr)
    return [*figures, _unsorted(rounds)]


def _alternating(rounds: int, *runs: Run) -> list[list[dict[str, Any]]]:
    """Runs contestants in turns, so that whatever else the machine does meets all of them."""
    results: list[list[dict[str, Any]]] = [[] for _ in runs]
    for number in range(rounds):
        for result, run in zip(results, runs, strict=True):
            result.append(run())
        print(f"  round {number + 1} of {rounds} is done", file=sys.stderr)
    return results


def _middle(results: list[dict[str, Any]], key: str = "seconds") -> float:
    return median(float(result[key]) for result in results)


def _beside_others(rounds: int) -> list[Figure]:
    """Loading and late ops, on 240 thousand ops of four peers in short bursts."""
    measures.loro_updates_of(VERTICES)
    ours, theirs, loro = _alternating(
        rounds,
        lambda: measures.load_ours(VERTICES, late_ops=LATE_OPS),
        lambda: measures.load_reptree(VERTICES),
        lambda: measures.load_loro(VERTICES),
    )
    own, node, rust = _middle(ours), _middle(theirs), _middle(loro)
    late = _middle(ours, "late_seconds")
    peak = max(float(run["peak_mb"]) for run in ours)
    assert {run["vertices"] for run in ours} == {run["vertices"] for run in theirs}
    count = f"{ours[0]['ops']} ops"
    return [
        Figure("faster than reptree, sorted", node / own, "times", 6, True, _ratio(node, own)),
        Figure("of Loro's import", own / rust, "times", 4, detail=_ratio(own, rust)),
        Figure("10,000 late ops, of a load", late / own, "times", 1.5, detail=_ratio(late, own)),
        Figure("peak memory, late ops included", peak, "MB", 200, detail=count),
    ]


def _ratio(one: float, other: float) -> str:
    """Tells which times a ratio is made of."""
    return f"{one:.2f} s / {other:.2f} s"


def _unsorted(rounds: int) -> Figure:
    """Loading file by file, which the original does op by op."""
    ours = [measures.load_ours(VERTICES_UNSORTED) for _ in range(rounds)]
    theirs = measures.load_reptree(VERTICES_UNSORTED, in_order=False)
    own, node = _middle(ours), float(theirs["seconds"])
    detail = f"{node:.1f} s / {own:.3f} s, {theirs['ops']} ops"
    return Figure("faster than reptree, file by file", node / own, "times", 500, True, detail)


def _million_ops() -> list[Figure]:
    ours = measures.load_ours(VERTICES_MILLION_OPS)
    detail = f"{ours['ops']} ops"
    return [
        Figure("a million ops", float(ours["seconds"]), "s", 5, detail=detail),
        Figure("their memory", float(ours["peak_mb"]), "MB", 600, detail=detail),
    ]
