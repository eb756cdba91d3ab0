"""Wrong code that trusts an original server, which confirms nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sila_daemon.mirror.confirmation import Confirmation
from sila_daemon.mirror.heard_ops import HeardOps
from sila_daemon.mirror.remote_status import RemoteStatus
from sila_daemon.store import sightings
from tests.simulation.mutants.mutant import Mutant
from tests.simulation.mutants.plans import (
    ORIGINAL_HIDES,
    ORIGINAL_IS_HEARD,
    ORIGINAL_PUT_BACK,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_public_state: Callable[[RemoteStatus], str] = RemoteStatus.public_state.fget  # type: ignore[attr-defined]


def _seen_is_current(status: RemoteStatus) -> str:
    return "current" if status.is_all_seen else _public_state(status)


async def _no_time_to_keep_it(heard: HeardOps) -> float:
    while not heard._by_time:
        heard._filled.clear()
        await heard._filled.wait()
    return heard._by_time[0][0]


def _nothing_is_doubted(*_: Any) -> None:
    pass


ORIGINALS: dict[str, Mutant] = {
    "original_is_current": Mutant(
        RemoteStatus, "public_state", property(_seen_is_current), ORIGINAL_IS_HEARD
    ),
    "original_is_sent_for_ever": Mutant(sightings, "SENDS_MAX", 1_000_000, ORIGINAL_HIDES),
    "original_keeps_at_once": Mutant(
        HeardOps, "next_due_at", _no_time_to_keep_it, ORIGINAL_IS_HEARD
    ),
    "original_never_goes_back": Mutant(
        Confirmation, "take_probe", _nothing_is_doubted, ORIGINAL_PUT_BACK
    ),
}
