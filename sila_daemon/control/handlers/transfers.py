"""`transfer.*`: files on their way, for screens that follow them."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from sila_daemon.control import messages, transfer_results
from sila_daemon.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sila_daemon.control.connection import Handler
    from sila_daemon.control.host import OpenSpace, SpaceKeeper
    from sila_daemon.control.space_parts import Transfer

WAIT_S_MAX = 60.0


class TransferHandlers:
    """Tells which files are on their way."""

    def __init__(self, spaces: SpaceKeeper) -> None:
        self._spaces = spaces

    def routes(self) -> dict[str, Handler]:
        """Returns the methods of this group."""
        return {"transfer.list": self.list}

    async def list(self, params: messages.TransferListParams) -> transfer_results.Transfers:
        """Lists transfers, at once or when something has changed."""
        if not 0 <= params.wait <= WAIT_S_MAX:
            raise UsageError(f"an answer is waited for from 0 to {WAIT_S_MAX:.0f} seconds")
        spaces = self._meant(params.space)
        if params.after is not None and params.after == _revision(spaces):
            await _changed(spaces, params.wait)
            spaces = self._meant(params.space)
        return transfer_results.Transfers(
            revision=_revision(spaces),
            transfers=[
                _entry(space.space_id, one) for space in spaces for one in space.transfers.active
            ],
            totals=[
                _totals(space.space_id, direction, space.status()["transfers"][direction])
                for space in spaces
                for direction in ("up", "down")
            ],
        )

    def _meant(self, reference: str | None) -> Sequence[OpenSpace]:
        return self._spaces.all() if reference is None else [self._spaces.find(reference)]


def _revision(spaces: Sequence[OpenSpace]) -> int:
    return sum(space.transfers.revision for space in spaces)


async def _changed(spaces: Sequence[OpenSpace], wait_s: float) -> None:
    """Returns at the next change in one of the spaces, or after some seconds."""
    changed = asyncio.Event()
    with ExitStack() as listening:
        for space in spaces:
            listening.callback(space.transfers.listen(changed.set))
        try:
            async with asyncio.timeout(wait_s):
                await changed.wait()
        except TimeoutError:
            pass


def _entry(space_id: str, transfer: Transfer) -> transfer_results.TransferEntry:
    return transfer_results.TransferEntry(
        space=space_id,
        kind=transfer.blob.kind,
        file=transfer.blob.name,
        direction=transfer.direction,
        server=transfer.server,
        done=transfer.done,
        total=transfer.total,
        bytes_per_second=int(transfer.rate),
        seconds_left=transfer.seconds_left,
        started_at=transfer.started_ms,
    )


def _totals(space_id: str, direction: str, way: dict[str, Any]) -> transfer_results.TransferTotals:
    return transfer_results.TransferTotals(
        space=space_id,
        direction=direction,
        files=way["files"],
        bytes=way["bytes"],
        bytes_per_second=way["bytesPerSecond"],
        seconds_left=way["secondsLeft"],
        moved_files=way["movedFiles"],
        moved_bytes=way["movedBytes"],
    )
