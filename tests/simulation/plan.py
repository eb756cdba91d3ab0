"""What a seed decides: the shape of the world, and everything that will be done in it, as data.

An action names its actor and carries two numbers, from which the actor chooses what fits when
the time comes. So any subset of a plan can be run too, and a failing one be made small.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from tests.simulation.faults import FAULTS

EDITS = ("set", "set", "set", "create", "create", "move", "delete", "burst", "new_tree", "secret")
APP_EDITS = ("app_set", "app_set", "app_create", "app_move")


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that happens."""

    at: float
    """Virtual seconds after the world is set up."""
    kind: str
    who: int
    a: float
    b: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run."""

    seed: int
    devices: int
    has_app: bool
    first_in_first_out: bool
    delay_s: float
    hint_loss: float
    actions: tuple[Action, ...]

    def with_actions(self, actions: tuple[Action, ...]) -> Plan:
        """Returns the same world with other actions in it."""
        return replace(self, actions=actions)


def plan_of(seed: int, *, faults: bool = True) -> Plan:
    """Draws everything from a seed: each has its own few kinds of faults, and how many."""
    random = Random(f"plan {seed}")
    devices = random.choice((2, 2, 3))
    has_app = random.random() < 0.6
    length_s = random.choice((10.0, 30.0, 90.0))
    kinds = EDITS + (APP_EDITS if has_app else ())
    drawn = [random.choice(kinds) for _ in range(random.randrange(10, 60))]
    drawn += ["inspect"] * 6
    if faults:
        swarm = random.sample(sorted(FAULTS), random.randrange(len(FAULTS)))
        if swarm:
            drawn += [random.choice(swarm) for _ in range(random.randrange(1, 14))]
    actions = [
        Action(
            round(random.random() * length_s, 3),
            kind,
            random.randrange(devices),
            round(random.random(), 6),
            round(random.random(), 6),
        )
        for kind in drawn
    ]
    return Plan(
        seed,
        devices,
        has_app,
        random.random() < 0.2,
        random.choice((0.001, 0.02, 0.3)),
        random.choice((0.0, 0.1, 1.0)),
        tuple(sorted(actions, key=lambda action: action.at)),
    )
