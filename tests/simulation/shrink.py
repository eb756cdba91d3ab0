"""Makes a failing plan small."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.campaign import kind_of
from tests.simulation.world import run

if TYPE_CHECKING:
    from tests.simulation.plan import Plan


def shrunk(plan: Plan) -> Plan:
    """Leaves out actions, from halves to single ones, while the same promise stays broken."""
    actions = plan.actions
    kind = kind_of(run(plan).violation)
    size = max(1, len(actions) // 2)
    while True:
        start = 0
        while start < len(actions):
            fewer = actions[:start] + actions[start + size :]
            violation = run(plan.with_actions(fewer)).violation
            if violation and kind_of(violation) == kind:
                actions = fewer
            else:
                start += size
        if size == 1:
            return plan.with_actions(actions)
        size //= 2
