"""The op log as a port: where all ops are, winners and losers, for whoever wants the past.

A tree in memory holds what is needed to show and to merge. What was superseded is reached here;
the daemon's store and a space folder both implement it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sila_daemon.core.ops import Op, OpId


class OpLog(Protocol):
    """Every op of a space that is kept."""

    async def find(self, tree_id: str, op_ids: Collection[OpId]) -> Mapping[OpId, list[Op]]:
        """Returns the contents held for each id; more than one where ids were used twice."""
        ...

    async def history(self, tree_id: str, vertex_id: str) -> list[Op]:
        """Returns every op whose target is the vertex, in op order."""
        ...
