"""Op files that lie in the folder of a space: taken over once, when the space is opened.

Their ops go into the database and are looked up again one by one; only then is the folder of the
op files put aside, under another name. Interrupted, all of that begins anew: ops are a set.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sila_daemon.core.errors import StorageError
from sila_daemon.folder.layout import OPS_SUFFIX
from sila_daemon.folder.problems import storage_errors
from sila_daemon.folder.space_folder import SpaceFolder
from sila_daemon.ports.disk import EntryKind
from sila_daemon.server.logs import FACTS
from sila_daemon.server.ops.jsonl_import import import_ops

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.folder.layout import SpaceLayout
    from sila_daemon.ports.disk import Disk
    from sila_daemon.server.ops.op_store import OpStore
    from sila_daemon.server.ports import Ports

LOG = logging.getLogger(__name__)

PUT_ASIDE = "ops.imported"
"""The name of the folder of op files once all of them are in the database."""

_DEPTH = 5
"""Folders between `ops` and an op file: two of the tree, three of the day."""


async def take_over(layout: SpaceLayout, store: OpStore, ports: Ports) -> None:
    """Imports the op files that lie in a space's own folder. Raises StorageError."""
    if not await ports.workers.run(lambda: has_op_files(layout, ports.disk)):
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


def has_op_files(layout: SpaceLayout, disk: Disk) -> bool:
    """Tells whether op files lie in a space's own folder. Raises StorageError."""
    return _are_below(disk, layout.ops_dir, _DEPTH)


def _are_below(disk: Disk, directory: Path, depth: int) -> bool:
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
                and _are_below(disk, directory / entry.name, depth - 1)
            ):
                return True
    return False
