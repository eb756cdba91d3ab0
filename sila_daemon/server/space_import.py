"""Taking a space folder (JSONL ops, files, secrets) into the server as it stands.

The folder is only read. Everything is stored before the space is entered for its owner, and
importing again is harmless: ops are a set, and files are named by their bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sila_daemon.core import ids
from sila_daemon.core.errors import ProtectionError
from sila_daemon.core.op_codec import Row, to_op
from sila_daemon.core.rep_tree import RepTree
from sila_daemon.core.space import Space
from sila_daemon.folder.blobs import BlobFolder
from sila_daemon.folder.op_reader import FileChunk, read_op_file
from sila_daemon.folder.problems import Problem, storage_errors
from sila_daemon.folder.secrets import read_secrets
from sila_daemon.folder.space_folder import SpaceFolder
from sila_daemon.server.directory import DEFAULT_NAME, NAME_LENGTH_MAX
from sila_daemon.server.file_store import Sent
from sila_daemon.server.op_store import Batch
from sila_daemon.server.space_secrets import SecretSet

if TYPE_CHECKING:
    from sila_daemon.folder.layout import OpFile
    from sila_daemon.ports.disk import ReadableFile
    from sila_daemon.server.platform import User
    from sila_daemon.server.spaces import OpenSpace
    from sila_daemon.server.world import World

_CHUNK_BYTES = 1 << 20


async def import_folder(world: World, root: Path, owner: User) -> dict[str, Any]:
    """Imports a folder for an owner. Raises ProtectionError when the space is here already."""
    ports = world.ports
    folder = await ports.workers.run(lambda: SpaceFolder.open(root, ports.disk))
    space_id = ids.checked_space_id(folder.space_id)
    if await world.directory.is_taken(space_id):
        raise ProtectionError("a space with this id is here already", code="taken")
    await world.spaces.make(space_id)
    problems: list[Problem] = list(folder.problems)
    async with world.spaces.use(space_id) as space:
        ops = await _import_ops(world, folder, space, problems)
        files = await _import_files(world, folder, space, problems)
        secrets = await _import_secrets(world, folder, space)
        name = await _name_of(space, space_id)
    await world.directory.add(space_id, name, owner.id)
    return {
        "id": space_id,
        "name": name,
        "ops": ops,
        "files": files,
        "secrets": secrets,
        "problems": [problem.to_json() for problem in problems],
    }


async def _import_ops(
    world: World, folder: SpaceFolder, space: OpenSpace, problems: list[Problem]
) -> int:
    scan = await world.ports.workers.run(folder.scan)
    problems += scan.problems
    count = 0
    for file in scan.files:
        chunks = _chunks(folder, file)
        while (chunk := await world.ports.workers.run(lambda c=chunks: _next(c))) is not None:  # type: ignore[misc]
            problems += chunk.problems
            rows: list[Row] = [*chunk.decoded.moves, *chunk.decoded.properties]
            ops = [to_op(file.peer, row) for row in rows]
            batch = Batch(file.tree_id, ops, "import")
            (outcome,) = await space.store.commit([batch], trusted=True)
            count += outcome.accepted
            problems += [
                Problem(file.relative, None, error.code, error.message)
                for error in outcome.rejected
            ]
    return count


def _next(chunks: Iterator[FileChunk]) -> FileChunk | None:
    with storage_errors("read the ops of the folder"):
        return next(chunks, None)


def _chunks(folder: SpaceFolder, file: OpFile) -> Iterator[FileChunk]:
    return iter(read_op_file(folder.disk, folder.path_of(file), file.relative, file.kind))


async def _import_files(
    world: World, folder: SpaceFolder, space: OpenSpace, problems: list[Problem]
) -> int:
    ports = world.ports
    blobs = BlobFolder(folder.layout.files_dir, ports.disk, ports.randomness)
    static = await ports.workers.run(lambda: list(blobs.list_static(problems)))
    var = await ports.workers.run(lambda: list(blobs.list_var(problems)))
    for blob in static:
        source, size = await ports.workers.run(lambda b=blob: (blobs.open_static(b.hash), b.size))  # type: ignore[misc]
        await space.files.static.put(blob.hash, space.files.store.read(source, 0, size))
    for uuid in var:
        source = await ports.workers.run(lambda u=uuid: blobs.open_var(u))  # type: ignore[misc]
        size = _size(source)
        if await space.files.var.state(uuid) is None:
            chunks = space.files.store.read(source, 0, size)
            await space.files.var.put(uuid, chunks, None, Sent())
        else:
            source.close()
    return len(static) + len(var)


def _size(file: ReadableFile) -> int:
    return file.stat().size


async def _import_secrets(world: World, folder: SpaceFolder, space: OpenSpace) -> int:
    ports = world.ports
    opened = await ports.workers.run(
        lambda: read_secrets(ports.disk, folder.layout.secrets, space.hub.space_id)
    )
    if opened is None:
        return 0
    known = await space.secrets.get()
    await space.secrets.put(SecretSet({**opened.values, **known.values}, known.removed), known.etag)
    return len(opened.values)


async def _name_of(space: OpenSpace, space_id: str) -> str:
    """Returns the name that the space tree gives the space."""
    tree = RepTree(space_id)
    head = space.hub.head.seq
    seq = 0
    while seq < head:
        for run in await space.hub.queries.runs_after(seq, head):
            if run.tree_id == space_id:
                tree.merge(run.ops)
            seq = run.position.seq
    return Space(tree).name[:NAME_LENGTH_MAX] or DEFAULT_NAME
