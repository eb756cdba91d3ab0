"""A server space as a zip of its folder: ops as JSONL, files, secrets; the original opens it.

Ops and the small files are laid out in a folder beside the target and packed from there; blobs
are packed from where they are. The target appears whole or not at all.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sila_daemon.core import ids
from sila_daemon.core.errors import ProtectionError
from sila_daemon.folder.archive import export_space as pack_folder
from sila_daemon.folder.blobs import BlobFolder
from sila_daemon.folder.layout import SpaceLayout, static_path, var_path
from sila_daemon.folder.op_appender import OpAppender
from sila_daemon.folder.problems import storage_errors
from sila_daemon.folder.secrets import write_secrets
from sila_daemon.folder.space_folder import SpaceFolder, create_space_folder

if TYPE_CHECKING:
    from sila_daemon.core.ops import Op
    from sila_daemon.server.ports import Ports
    from sila_daemon.server.spaces import OpenSpace
    from sila_daemon.server.world import World

_FILES = Path("space-v1", "files")


async def export_space(world: World, space_id: str, target: Path) -> dict[str, Any]:
    """Writes a space into a new zip file. Raises ProtectionError when the file exists."""
    ports = world.ports
    if await ports.workers.run(lambda: ports.disk.stat(target)) is not None:
        raise ProtectionError(
            f"{target} exists already", code="exists", hint="Choose a path that does not exist yet."
        )
    staging = target.parent / f".sila-export-{ports.randomness.token(8).hex()}"
    try:
        async with world.spaces.use(space_id) as space:
            folder = await ports.workers.run(
                lambda: create_space_folder(
                    staging / "space", ports.disk, ports.randomness, space_id
                )
            )
            ops = await _lay_out(space, folder.layout, ports)
            values = (await space.secrets.get()).values
            files = await ports.workers.run(
                lambda: _pack(folder, space.layout, values, staging / "out.zip", target, ports)
            )
    finally:
        await ports.workers.run(lambda: shutil.rmtree(staging, ignore_errors=True))
    return {"id": space_id, "path": str(target), "ops": ops, "files": files}


async def _lay_out(space: OpenSpace, layout: SpaceLayout, ports: Ports) -> int:
    appender = OpAppender(layout, ports.disk, ports.clock, ports.randomness)
    seq, head, count = 0, space.hub.head.seq, 0
    while seq < head:
        by_tree: dict[str, list[Op]] = {}
        for run in await space.hub.queries.runs_after(seq, head):
            by_tree.setdefault(run.tree_id, []).extend(run.ops)
            seq = run.position.seq
            count += len(run.ops)
        await ports.workers.run(lambda pages=by_tree: _append(appender, pages))  # type: ignore[misc]
    return count


def _append(appender: OpAppender, by_tree: dict[str, Sequence[Op]]) -> None:
    for tree_id, ops in by_tree.items():
        # As their own authors' files: the copy has no other writer yet.
        appender.append(tree_id, {op.peer for op in ops}, ops)


def _pack(
    folder: SpaceFolder,
    source: SpaceLayout,
    secrets: dict[str, str],
    draft: Path,
    target: Path,
    ports: Ports,
) -> int:
    disk = ports.disk
    if secrets:
        space_id = ids.checked_space_id(folder.space_id)
        write_secrets(disk, folder.layout.secrets, space_id, secrets, ports.randomness)
    pack_folder(folder, draft, ports.randomness)
    blobs = BlobFolder(source.files_dir, disk, ports.randomness)
    paths = [static_path(source.files_dir, blob.hash) for blob in blobs.list_static()]
    paths += [var_path(source.files_dir, uuid) for uuid in blobs.list_var()]
    with storage_errors(f"write {target}"):
        with zipfile.ZipFile(draft, "a", zipfile.ZIP_STORED) as archive:
            for path in paths:
                name = _FILES / path.relative_to(source.files_dir)
                archive.write(path, name.as_posix())
        with disk.open_append(draft) as file:
            file.sync()
        disk.rename(draft, target)
        disk.sync_dir(target.parent)
    return len(paths)
