"""Tight limits reach the code."""

from __future__ import annotations

import pytest

from sila_daemon.server.limits import constants as limits
from sila_daemon.server.sync import session
from tests.simulation import world  # noqa: F401  (loads everything that has limits)
from tests.simulation.tight import TIGHT, homes_of, tight_limits


@pytest.mark.parametrize("name", TIGHT)
def test_a_limit_stands_somewhere(name: str) -> None:
    assert homes_of(name), f"no module has {name}: it was renamed, or is no limit any more"


def test_limits_are_small_only_meanwhile() -> None:
    assert limits.CREDIT > TIGHT["CREDIT"]
    with tight_limits(True):
        assert limits.CREDIT == vars(session)["CREDIT"] == TIGHT["CREDIT"]
    assert limits.CREDIT > TIGHT["CREDIT"]
