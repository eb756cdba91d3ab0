"""A server that cannot bear one op: that op is set apart, and everything else goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from sila_daemon.mirror.suspects import Suspects
from tests.simulation.regressions import REGRESSIONS
from tests.simulation.world import run

if TYPE_CHECKING:
    from collections.abc import Sequence

DEATHS_MAX = 12
"""The batch has 12 ops: four halvings, two failures before them, and some alone."""


def test_a_server_is_not_made_to_die_for_ever() -> None:
    outcome = run(REGRESSIONS["a_server_dies_of_one_op"])
    assert not outcome.violation
    assert 2 < outcome.faults["server kill"] <= DEATHS_MAX


def test_without_halving_it_would_be() -> None:
    def never_halves(suspects: Suspects, seqs: Sequence[int]) -> bool:
        suspects.suspect(seqs, 1)
        return False

    with patch.object(Suspects, "failed", never_halves):
        outcome = run(REGRESSIONS["a_server_dies_of_one_op"])
    assert outcome.faults["server kill"] > 2 * DEATHS_MAX


@pytest.mark.parametrize("effect", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_whatever_the_server_does_of_it_nothing_is_lost(effect: float) -> None:
    plan = REGRESSIONS["a_batch_outlives_a_refusal"]
    poison, *others = plan.actions
    outcome = run(plan.with_actions((replace(poison, a=effect), *others)))
    assert outcome.faults["poison"] == 1
    assert not outcome.violation
