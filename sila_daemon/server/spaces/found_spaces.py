"""Space folders that lie in the data folder with JSONL ops: taken over once, where they are.

Their ops go into the database and are looked up again one by one; only then is the folder of the
op files put aside, under another name. Interrupted, all of that begins anew: ops are a set.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sila_daemon.core import ids
from sila_daemon.core.errors import SilaError, StorageError
from sila_daemon.folder.layout import OPS_SUFFIX
from sila_daemon.folder.problems import storage_errors
from sila_daemon.folder.space_folder import SpaceFolder
from sila_daemon.ports.disk import EntryKind
from sila_daemon.server.accounts.directory import DEFAULT_NAME
from sila_daemon.server.logs import FACTS
from sila_daemon.server.ops.jsonl_import import import_ops
from sila_daemon.server.spaces.space_name import name_of

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.folder.layout import SpaceLayout
    from sila_daemon.ports.disk import Disk
    from sila_daemon.server.accounts.directory import Directory
    from sila_daemon.server.ops.op_store import OpStore
    from sila_daemon.server.ports import Ports
    from sila_daemon.server.spaces.open_spaces import Spaces

LOG = logging.getLogger(__name__)

PUT_ASIDE = "ops.imported"
"""The name of the folder of op files once all of them are in the database."""

_DEPTH = 5
"""Folders between `ops` and an op file: two of the tree, three of the day."""


async def take_over(layout: SpaceLayout, store: OpStore, ports: Ports) -> None:
    """Imports the op files that lie in a space's own folder. Raises StorageError."""
    if not await ports.workers.run(lambda: _has_op_files(ports.disk, layout.ops_dir, _DEPTH)):
        return
    folder = await ports.workers.run(lambda: SpaceFolder.open(layout.root, ports.disk))
    result = await import_ops(folder, store, ports.workers)
    facts = {
        "space": folder.space_id,
        "new": result.new,
        "checked": result.checked,
        "problems": [problem.to_json() for problem in result.problems[:20]],
    }
    LOG.info("op files of a space were imported", extra={FACTS: facts})
    if result.is_incomplete:
        raise StorageError(
            f"{result.missing} ops of {layout.ops_dir} did not arrive in the database",
            code="not_imported",
        )

    def put_aside() -> None:
        target = layout.version_dir / PUT_ASIDE
        with storage_errors(f"put {layout.ops_dir} aside"):
            if ports.disk.stat(target) is not None:
                token = ports.randomness.token(4).hex()
                target = layout.version_dir / f"{PUT_ASIDE}-{token}"
            ports.disk.rename(layout.ops_dir, target)
            ports.disk.sync_dir(layout.version_dir)

    await ports.workers.run(put_aside)


def _has_op_files(disk: Disk, directory: Path, depth: int) -> bool:
    with storage_errors(f"look into {directory}"):
        found = disk.stat(directory)
        if found is None or found.kind is not EntryKind.DIRECTORY:
            return False
        for entry in disk.list_dir(directory):
            if entry.kind is EntryKind.FILE and entry.name.endswith(OPS_SUFFIX):
                return True
            if (
                entry.kind is EntryKind.DIRECTORY
                and depth
                and _has_op_files(disk, directory / entry.name, depth - 1)
            ):
                return True
    return False


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
                    layout = spaces.layout(space_id)
                    if _has_op_files(disk, layout.ops_dir, _DEPTH):
                        found.append(space_id)
    return found
