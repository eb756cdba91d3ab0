"""Everything that goes wrong: one function for each kind of fault that a plan may name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.faults import disk, network, poison, processes, rights, time_travel

if TYPE_CHECKING:
    from tests.simulation.faults.fault import Fault

FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for module in (processes, network, disk, rights, time_travel, poison)
    for fault in module.FAULTS
}
