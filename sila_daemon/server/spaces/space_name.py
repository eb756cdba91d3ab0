"""What a space is called by its own space tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core.rep_tree import RepTree
from sila_daemon.core.space import Space
from sila_daemon.server.accounts.directory import DEFAULT_NAME, NAME_LENGTH_MAX

if TYPE_CHECKING:
    from sila_daemon.server.spaces.space_opening import OpenSpace


async def name_of(space: OpenSpace) -> str:
    """Returns the name that the space tree gives the space."""
    space_id = space.hub.space_id
    tree = RepTree(space_id)
    head = space.hub.head.seq
    seq = 0
    while seq < head:
        for run in await space.hub.queries.runs_after(seq, head):
            if run.tree_id == space_id:
                tree.merge(run.ops)
            seq = run.position.seq
    return Space(tree).name[:NAME_LENGTH_MAX] or DEFAULT_NAME
