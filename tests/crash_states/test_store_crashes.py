"""The daemon's database: every crash, and every failing call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.crash_states.explore import explore
from tests.crash_states.failures import KINDS, Kind, fail_every_call
from tests.crash_states.store_cases import STORE_CASES

if TYPE_CHECKING:
    from tests.crash_states.case import Case


@pytest.mark.parametrize("case", STORE_CASES, ids=lambda case: case.name)
def test_what_was_acknowledged_outlasts_every_crash(case: Case) -> None:
    explored = explore(case)

    assert explored.power_cuts > explored.calls, "each call leaves something to be lost"
    assert explored.kills == explored.calls + 1


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize("case", STORE_CASES, ids=lambda case: case.name)
def test_a_failing_call_loses_nothing_and_is_got_over(case: Case, kind: Kind) -> None:
    failed = fail_every_call(case, kind)

    assert failed.runs > 0
    assert failed.swallowed <= 1, "an error was told by nobody"
