"""Wrong code is caught, by the very case that is meant to."""

from __future__ import annotations

import pytest

from tests.crash_states.cases import CASES
from tests.crash_states.explore import explore
from tests.crash_states.failures import fail_every_call
from tests.crash_states.mutants import MUTANTS


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_caught(name: str) -> None:
    planted = MUTANTS[name]
    case = CASES[planted.case]

    with planted.mutant.planted(), pytest.raises(Exception) as caught:
        if planted.kind is None:
            explore(case)
        else:
            fail_every_call(case, planted.kind)

    assert caught.type in planted.signs, f"{name} fails otherwise: {caught.value!r}"
