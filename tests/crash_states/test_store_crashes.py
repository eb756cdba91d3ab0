"""The daemon's database: every crash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.crash_states.explore import explore
from tests.crash_states.store_cases import STORE_CASES

if TYPE_CHECKING:
    from tests.crash_states.case import Case


@pytest.mark.parametrize("case", STORE_CASES, ids=lambda case: case.name)
def test_what_was_acknowledged_outlasts_every_crash(case: Case) -> None:
    explored = explore(case)

    assert explored.power_cuts > explored.calls, "each call leaves something to be lost"
    assert explored.kills == explored.calls + 1
