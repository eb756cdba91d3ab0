"""Every durable operation: every crash, and every failing call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.crash_states.cases import CASES, FAILING
from tests.crash_states.explore import explore
from tests.crash_states.failures import fail_every_call

if TYPE_CHECKING:
    from tests.crash_states.case import Case
    from tests.crash_states.failures import Kind


@pytest.mark.parametrize("case", CASES.values(), ids=lambda case: case.name)
def test_what_was_acknowledged_outlasts_every_crash(case: Case) -> None:
    explored = explore(case)

    assert explored.power_cuts > explored.calls, "each call leaves something to be lost"
    assert explored.kills == explored.calls + 1


@pytest.mark.parametrize(
    ("case", "kind"), FAILING, ids=[f"{case.name}, {kind}" for case, kind in FAILING]
)
def test_a_failing_call_loses_nothing_and_is_got_over(case: Case, kind: Kind) -> None:
    failed = fail_every_call(case, kind)

    assert failed.runs > 0
    assert failed.swallowed <= case.gets_over, "an error was told by nobody"
