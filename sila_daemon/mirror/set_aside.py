"""What a server sent that is no op: whether there is room for it, and reading it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core import ids
from sila_daemon.core.errors import InvalidOpError, RemoteRefusedError
from sila_daemon.core.wire import decode_ops
from sila_daemon.store.quarantine import SET_ASIDE_BYTES_MAX, SET_ASIDE_MAX
from sila_daemon.store.space_store import Delivery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sila_daemon.mirror.intake import Intake
    from sila_daemon.store.op_table import TreeOp
    from sila_daemon.store.quarantine import NoOp, Quarantine, QuarantinedOp


async def check_room(layer: str, quarantine: Quarantine, found: Sequence[NoOp]) -> None:
    """Sees that something can be set aside. Raises RemoteRefusedError when there is too much.

    It may not be passed over as if it were held: the cursor stays before it.
    """
    count, size = await quarantine.set_aside_size(layer)
    count += len(found)
    size += sum(len(entry.raw) for entry in found)
    if count > SET_ASIDE_MAX or size > SET_ASIDE_BYTES_MAX:
        raise RemoteRefusedError(
            f"the server sent {count} things that are no ops, and nothing more is taken from it:"
            f" {found[0].message}",
            code="malformed_op",
            hint="tell who runs the server",
        )


async def read_again(layer: str, quarantine: Quarantine, intake: Intake) -> int:
    """Takes in what is an op after all, as a newer version may understand more.

    Returns how much of it is. Raises StorageError. An end of the process in between does no harm,
    since nothing is stored twice.
    """
    after = count = 0
    while page := await quarantine.page(layer, "set_aside", after, 100):
        after = page[-1].number
        found = {entry.number: ops for entry in page if (ops := _ops(entry))}
        if found:
            ops = [op for entry in found.values() for op in entry]
            await intake.deliver(Delivery(ops, layer))
            await quarantine.forget(layer, list(found))
            count += len(found)
    return count


def _ops(entry: QuarantinedOp) -> list[TreeOp]:
    assert entry.raw is not None, "what was set aside is kept as it came"
    if not ids.is_tree_id(entry.tree_id):
        return []
    try:
        ops, _ = decode_ops(b"[%b]" % entry.raw)
    except InvalidOpError:
        return []
    return [(entry.tree_id, op) for op in ops]
