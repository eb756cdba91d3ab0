"""The small world that most plans of mutants begin with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.simulation.habits import AppHabits
from tests.simulation.plan import Action, Plan
from tests.simulation.surroundings import Surroundings


def small_plan(*actions: Action, **odd: Any) -> Plan:
    """Returns a world of two devices and one server in which little goes wrong by chance."""
    usual = Plan(
        seed=0,
        devices=2,
        has_app=False,
        first_in_first_out=False,
        delay_s=0.02,
        hint_loss=0.0,
        actions=actions,
    )
    return replace(usual, **odd)


def written_before_power_cuts(kind: str) -> Plan:
    """Has the other program write without a sync; after the daemon sent it both lose power."""
    return small_plan(
        *(
            action
            for n in range(8)
            for action in (
                Action(1.0 + 6 * n, kind, 0, round(0.05 + 0.11 * n, 3), 0.2),
                Action(round(3.0 + 6.1 * n, 3), "power_cut", 0, 0.01, 0.1),
            )
        ),
        has_app=True,
        around=Surroundings(app=AppHabits(syncs=False)),
    )
