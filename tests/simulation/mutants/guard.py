"""Wrong code that lets a mass deletion pass, or loses what was held."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sila_daemon.store import held, op_table, outbox
from sila_daemon.store.guard import Guard
from sila_daemon.store.space_store import SpaceStore
from tests.simulation.mutants.mutant import Mutant
from tests.simulation.mutants.plans import MASS_DELETION

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from sila_daemon.store.held import Release
    from sila_daemon.store.op_table import TreeOp

_release, _set_layers = held.release, SpaceStore.set_layers


def _guard_is_asleep(*_: Any) -> set[int]:
    return set()


def _held_is_shown(_: apsw.Connection) -> str:
    return ""


async def _held_is_forgotten(store: SpaceStore, names: Sequence[str]) -> None:
    await _set_layers(store, names)
    await store.database.write(lambda connection: connection.execute("DELETE FROM hold"))


def _what_was_agreed_to_is_not_owed(connection: apsw.Connection, decided: Release) -> list[TreeOp]:
    connection.execute(
        "DELETE FROM outbox WHERE seq IN (SELECT seq FROM held WHERE hold = ?)", (decided.hold,)
    )
    return _release(connection, decided)


GUARD: dict[str, Mutant] = {
    "guard_asleep": Mutant(Guard, "judge", _guard_is_asleep, MASS_DELETION),
    "held_is_shown": Mutant(op_table, "_shown", _held_is_shown, MASS_DELETION),
    "held_is_passed_on": Mutant(outbox, "_NOT_HELD", "1", MASS_DELETION),
    "held_is_forgotten": Mutant(SpaceStore, "set_layers", _held_is_forgotten, MASS_DELETION),
    "agreed_and_not_owed": Mutant(held, "release", _what_was_agreed_to_is_not_owed, MASS_DELETION),
}
