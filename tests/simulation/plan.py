"""What a seed decides: the shape of the world, and everything that will be done in it, as data.

An action names its actor and carries two numbers, from which the actor chooses what fits when
the time comes. So any subset of a plan can be run too, and a failing one be made small. Every
actor and every kind of fault draws from a stream of its own, so that a new one leaves the rest
of a seed as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

from tests.simulation.faults import FAULTS
from tests.simulation.fetching import Fetcher, draw_fetchers
from tests.simulation.originals import ORIGINAL_FAULTS, draw_originals
from tests.simulation.surroundings import (
    Surroundings,
    draw_surroundings,
    without_spare_servers,
)
from tests.simulation.topology import DEVICES, Topology, draw_topology

WIPES = ("wipe",)
EDITS = ("set", "set", "set", "create", "create", "move", "delete", "burst", "new_tree", "secret")
LIVE_EDITS = ("live", "live", "set")
REMOVALS = ("unsecret", "unsecret", "secret")
APP_EDITS = ("app_set", "app_set", "app_create", "app_move")
APP_FILES = ("app_file", "app_file", "app_var")
COMMANDS = ("command_edit", "command_put", "command_put", "command_get", "command_watch")
FETCHES = ("command_fetch",)
UNDOS = ("command_undo",)
CHATS = (
    "chat_new",
    "chat_new",
    "chat_send",
    "chat_send",
    "chat_send",
    "chat_rename",
    "chat_delete",
)
APP_REWRITES = ("app_secret", "app_compact")
LENGTHS_S = (10.0, 10.0, 30.0, 30.0, 90.0)
"""What is done in a short time is stored and sent in fewer pieces: long worlds cost most."""
FAULT_CHANCES = (0.0, 0.1, 0.2, 0.4)
"""How likely each kind of fault takes part, by seed."""
FAULT_COUNTS: Sequence[int] = (1, 1, 1, 2, 2, 3, 4)


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
    topology: Topology = field(default_factory=Topology)
    around: Surroundings = field(default_factory=Surroundings)
    token_s: int | None = None
    """How long access tokens are good until all faults end; None for as long as they really are."""
    is_tight: bool = False
    """Whether the limits are small, see `tight`."""
    is_guarded: bool = False
    """Whether the mirrors hold what takes much away, see `guarding`."""
    originals: tuple[int, ...] = ()
    """Devices that mirror to an original server, too, see `originals`."""
    fetchers: tuple[Fetcher, ...] = ()
    """Devices that leave files on their server, see `fetching`."""

    def with_actions(self, actions: tuple[Action, ...]) -> Plan:
        """Returns the same world with other actions in it."""
        return replace(self, actions=actions)


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who acts on devices."""

    name: str
    kinds: tuple[str, ...]
    """Each as often as it is to be drawn."""
    counts: Sequence[int]
    """How many actions there may be."""
    share: float = 1.0
    """In how many plans it is at all."""


Draw = tuple[Random, Sequence[str], Sequence[int]]
"""What is drawn from a stream: kinds of action, and how many."""

ORIGINAL_EDITS = ("original_set", "original_set", "original_create", "original_delete")

APP = Actor("app", APP_EDITS, range(3, 30), share=0.6)
WIPERS = Actor("people who delete much", WIPES, range(1, 4), share=0.1)
FETCHERS = Actor("people who fetch files", FETCHES, range(1, 6), share=0.2)
ACTORS = (
    Actor("people", EDITS, range(8, 45)),
    Actor("inspector", ("inspect",), range(6, 7)),
    APP,
    Actor("people with secrets", REMOVALS, range(1, 7), share=0.4),
    Actor("app that rewrites", APP_REWRITES, range(1, 6)),
    Actor("commands", COMMANDS, range(2, 12), share=0.5),
    Actor("app with files", APP_FILES, range(2, 9), share=0.4),
    Actor("people with live state", LIVE_EDITS, range(3, 12), share=0.3),
    WIPERS,
    FETCHERS,
    Actor("people who undo", UNDOS, range(1, 6), share=0.3),
    Actor("people who chat", CHATS, range(2, 9), share=0.2),
    Actor("original client", ORIGINAL_EDITS, range(3, 12), share=0.2),
)
HOSTILE = (
    Actor("byzantine", ("forge",), range(1, 8), share=0.2),
    Actor("byzantine viewer", ("forge_as_viewer",), range(1, 4), share=0.08),
    Actor("slow reader", ("ask_and_wait",), range(1, 4), share=0.12),
)
SHORT_TOKENS = 0.25
"""In how many worlds tokens last for seconds."""

TIGHT = 0.3
"""In how many worlds the limits are small."""


def plan_of(seed: int, *, faults: bool = True) -> Plan:
    """Draws everything from a seed."""
    random = Random(f"plan {seed}")
    devices = random.choice(DEVICES)
    length_s = random.choice(LENGTHS_S)
    actors = ACTORS + HOSTILE if faults else ACTORS
    present = [actor for actor in actors if _stream(seed, actor.name).random() < actor.share]
    draws: list[Draw] = [
        (_stream(seed, f"{actor.name} acts"), actor.kinds, actor.counts) for actor in present
    ]
    if faults:
        chance = random.choice(FAULT_CHANCES)
        draws += [
            (stream, (kind,), FAULT_COUNTS)
            for kind in sorted(FAULTS)
            if (stream := _stream(seed, kind)).random() < chance
        ]
    originals = draw_originals(_stream(seed, "original server"), devices)
    if originals and faults:
        draws.append((_stream(seed, "original faults"), ORIGINAL_FAULTS, range(5)))
    actions = [
        Action(
            round(stream.random() * length_s, 3),
            stream.choice(kinds),
            stream.randrange(devices),
            _share(stream),
            _share(stream),
        )
        for stream, kinds, counts in draws
        for _ in range(stream.choice(counts))
    ]
    topology = draw_topology(_stream(seed, "topology"), devices)
    around = draw_surroundings(_stream(seed, "surroundings"), devices, topology)
    topology = without_spare_servers(_stream(seed, "spare servers"), topology, around)
    return Plan(
        seed,
        devices,
        APP in present,
        random.random() < 0.2,
        random.choice((0.001, 0.02, 0.3)),
        random.choice((0.0, 0.1, 1.0)),
        tuple(sorted(actions, key=lambda action: action.at)),
        topology,
        around,
        token_s=_draw_token_s(_stream(seed, "tokens")) if faults else None,
        is_tight=_stream(seed, "tight").random() < TIGHT,
        is_guarded=WIPERS in present,
        originals=originals,
        fetchers=(
            draw_fetchers(_stream(seed, "fetchers"), devices, topology, around)
            if FETCHERS in present
            else ()
        ),
    )


def _share(random: Random) -> float:
    """Draws a share of something, never all of it: actors take it for a place in a list."""
    return min(round(random.random(), 6), 0.999999)


def _draw_token_s(random: Random) -> int | None:
    """Has the tokens of some worlds end all the time."""
    return random.choice((5, 5, 10, 20, 60)) if random.random() < SHORT_TOKENS else None


def _stream(seed: int, name: str) -> Random:
    return Random(f"plan {seed} {name}")
