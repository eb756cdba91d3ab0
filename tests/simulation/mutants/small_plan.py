"""The small world that most plans of mutants begin with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.simulation.plan import Action, Plan


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
