"""Space folders that lie in the data folder and that nobody knows: listed, but nobody's yet."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sila_daemon.core import ids
from sila_daemon.core.errors import SilaError
from sila_daemon.folder.problems import storage_errors
from sila_daemon.ports.disk import EntryKind
from sila_daemon.server.accounts.directory import DEFAULT_NAME
from sila_daemon.server.spaces.found_ops import has_op_files
from sila_daemon.server.spaces.space_name import name_of

if TYPE_CHECKING:
    from sila_daemon.ports.disk import Disk
    from sila_daemon.server.accounts.directory import Directory
    from sila_daemon.server.ports import Ports
    from sila_daemon.server.spaces.open_spaces import Spaces

LOG = logging.getLogger(__name__)


async def adopt_found(spaces: Spaces, directory: Directory, ports: Ports) -> list[str]:
    """Takes over the spaces that lie in the data folder and that nobody knows; returns their ids.

    They have no members: whoever runs the server gives them an owner.
    """
    adopted: list[str] = []
    try:
        found = await ports.workers.run(lambda: _found(spaces, ports.disk))
    except SilaError as error:
        LOG.error("nobody looked for spaces in the data folder: %s", error.message)
        return adopted
    for space_id in found:
        try:
            if await directory.is_taken(space_id):
                continue
            async with spaces.use(space_id) as space:
                name = await name_of(space) if space.hub.head.seq else DEFAULT_NAME
            await directory.adopt(space_id, name)
            adopted.append(space_id)
            LOG.warning(
                "space %s (%s) was found in the data folder; give it an owner:"
                " sila-server space share %s EMAIL --role owner", space_id, name, space_id,
            )  # fmt: skip
        except SilaError as error:
            LOG.error("the space found in %s is left alone: %s", space_id, error.message)
    return adopted


def _found(spaces: Spaces, disk: Disk) -> list[str]:
    """Returns the ids of spaces with op files, by their folders."""
    root = spaces.root
    found = []
    with storage_errors(f"look into {root}"):
        for first in disk.list_dir(root):
            if first.kind is not EntryKind.DIRECTORY:
                continue
            for entry in disk.list_dir(root / first.name):
                space_id = entry.name
                is_space = ids.is_tree_id(space_id) and space_id[:2] == first.name
                if entry.kind is EntryKind.DIRECTORY and is_space:
                    if has_op_files(spaces.layout(space_id), disk):
                        found.append(space_id)
    return found
