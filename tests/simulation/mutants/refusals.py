"""Wrong code that loses what a server did not take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.mirror.remote_pusher import Pusher
from sila_daemon.store import outbox, quarantine
from sila_daemon.store.space_store import Acknowledgement
from tests.simulation.mutants import plans
from tests.simulation.mutants.mutant import Mutant
from tests.simulation.regressions import REGRESSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import apsw

    from sila_daemon.mirror.messages import SendAnswer
    from sila_daemon.store.quarantine import Refusal

_answered = Pusher.answered


def _refused_batch_is_dropped(
    pusher: Pusher, call_id: int, payload: bytes
) -> tuple[SendAnswer, Acknowledgement] | None:
    batch = pusher._under_way.get(call_id)
    found = _answered(pusher, call_id, payload)
    if batch is None or found is None or found[0].ok:
        return found
    return found[0], Acknowledgement(batch.owed)


def _refused_op_is_forgotten(
    connection: apsw.Connection, layer: str, refusals: Iterable[Refusal], now_ms: int
) -> None:
    outbox.settle(connection, layer, [refusal.seq for refusal in refusals])


REFUSALS: dict[str, Mutant] = {
    "batch_dropped_after_refusal": Mutant(
        Pusher, "answered", _refused_batch_is_dropped, REGRESSIONS["a_batch_outlives_a_refusal"]
    ),
    "what_a_viewer_said_dropped": Mutant(
        Pusher, "answered", _refused_batch_is_dropped, plans.EDITS_OF_A_VIEWER
    ),
    "refused_op_forgotten": Mutant(
        quarantine, "refuse", _refused_op_is_forgotten, REGRESSIONS["a_batch_outlives_a_refusal"]
    ),
}
