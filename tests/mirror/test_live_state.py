"""Live state is passed on from one server to the others, and never round and round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core.ops import PropertyOp
from sila_daemon.mirror import live_state
from sila_daemon.mirror.live_state import LiveState
from tests.simulation.plan import Action, Plan
from tests.simulation.topology import Topology
from tests.simulation.world import run

if TYPE_CHECKING:
    import pytest

TREE = "1" * 32


def live(counter: int, peer: str = "a", key: str = "cursor") -> tuple[str, PropertyOp]:
    return TREE, PropertyOp(counter, peer * 32, TREE, key, b"1", transient=True)


def test_what_came_by_another_way_is_not_passed_on_again() -> None:
    state = LiveState()

    assert state.fresh([live(1), live(2, key="typing")]) == [live(1), live(2, key="typing")]
    assert state.fresh([live(1), live(2, key="typing")]) == []
    assert state.fresh([live(2), live(3)]) == [live(3)]
    assert state.fresh([live(1, peer="b")]) == [live(1, peer="b")]


def test_no_more_than_so_many_authors_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_state, "AUTHORS_MAX", 2)
    state = LiveState()

    state.fresh([live(5, peer="a"), live(5, peer="b"), live(6, peer="a"), live(5, peer="c")])

    assert state.fresh([live(5, peer="a"), live(5, peer="c")]) == []
    assert state.fresh([live(5, peer="b")]) == [live(5, peer="b")], "heard of longest ago"


def test_two_devices_with_two_servers_do_not_hand_it_round() -> None:
    plan = Plan(
        seed=4,
        devices=2,
        has_app=False,
        first_in_first_out=False,
        delay_s=0.3,
        hint_loss=0.0,
        actions=(Action(1.0, "forge", 0, 0.95, 0.1), Action(20.0, "inspect", 0, 0.0, 0.0)),
        topology=Topology(2, ((0, 1), (0, 1))),
    )

    outcome = run(plan)

    assert outcome.violation == ""
    forged = next(n for n, line in enumerate(outcome.lines) if "forgery: live_state" in line)
    later = outcome.lines[forged:]
    passed_on = [line for line in later if " device" in line and " > ops:send " in line]
    assert 1 <= len(passed_on) <= 2, "each device takes it to one server once at most"
