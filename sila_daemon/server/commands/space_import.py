"""Taking a space folder (JSONL ops, files, secrets) into the server as it stands.

The folder is only read. Everything is stored before the space is entered for its owner, and
importing again is harmless: ops are a set, and files are named by their bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sila_daemon.core import ids
from sila_daemon.core.errors import CorruptBlobError, ProtectionError, StorageError
from sila_daemon.folder.archive import import_space as unpack_space
from sila_daemon.folder.blobs import BlobFolder
from sila_daemon.folder.layout import static_path
from sila_daemon.folder.problems import Problem
from sila_daemon.folder.secrets import read_secrets
from sila_daemon.folder.space_folder import SpaceFolder
from sila_daemon.folder.zip_check import WITHOUT_LIMITS
from sila_daemon.ports.disk import EntryKind, make_dirs, remove_tree
from sila_daemon.server.files.file_store import Sent
from sila_daemon.server.ops.jsonl_import import import_ops
from sila_daemon.server.spaces.space_name import name_of
from sila_daemon.server.spaces.space_secrets import SecretSet

if TYPE_CHECKING:
    from sila_daemon.ports.disk import ReadableFile
    from sila_daemon.server.accounts.platform import User
    from sila_daemon.server.spaces.space_opening import OpenSpace
    from sila_daemon.server.world import World


async def import_space(
    world: World, source: Path, owner: User, *, is_trusted: bool = False
) -> dict[str, Any]:
    """Imports a folder, or a zip of one, for an owner.

    `is_trusted` lets a zip be of any size. Raises what `import_folder` raises, and FormatError.
    """
    ports = world.ports
    found = await ports.workers.run(lambda: ports.disk.stat(source))
    if found is None or found.kind is not EntryKind.FILE:
        return await import_folder(world, source, owner)
    scratch = world.spaces.scratch.place()
    limits = WITHOUT_LIMITS if is_trusted else None

    def unpack() -> None:
        make_dirs(ports.disk, scratch)
        unpack_space(
            source, scratch / "space", ports.disk, ports.randomness,
            lambda folder: remove_tree(ports.disk, folder), limits=limits,
        )  # fmt: skip

    try:
        await ports.workers.run(unpack)
        return await import_folder(world, scratch / "space", owner)
    finally:
        await ports.workers.run(lambda: remove_tree(ports.disk, scratch))


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
        imported = await import_ops(folder, space.store, ports.workers)
        problems += imported.problems
        if imported.is_incomplete:
            raise StorageError(
                f"{imported.missing} ops of the folder did not arrive",
                code="not_imported",
                hint="The folder is unchanged; nothing was entered. Import it again.",
            )
        files = await _import_files(world, folder, space, problems)
        secrets = await _import_secrets(world, folder, space)
        name = await name_of(space)
    await world.directory.add(space_id, name, owner.id)
    return {
        "id": space_id,
        "name": name,
        "ops": imported.new,
        "checked": imported.checked,
        "files": files,
        "secrets": secrets,
        "problems": [problem.to_json() for problem in problems],
    }


async def _import_files(
    world: World, folder: SpaceFolder, space: OpenSpace, problems: list[Problem]
) -> int:
    ports = world.ports
    blobs = BlobFolder(folder.layout.files_dir, ports.disk, ports.randomness)
    static = await ports.workers.run(lambda: list(blobs.list_static(problems)))
    var = await ports.workers.run(lambda: list(blobs.list_var(problems)))
    for blob in static:
        source, size = await ports.workers.run(lambda b=blob: (blobs.open_static(b.hash), b.size))  # type: ignore[misc]
        try:
            await space.files.static.put(blob.hash, space.files.store.read(source, 0, size))
        except CorruptBlobError as error:
            path = static_path(folder.layout.files_dir, blob.hash)
            relative = folder.layout.relative(path)
            problems.append(Problem(relative, None, error.code, error.message))
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
