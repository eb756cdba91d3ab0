"""A server space as a zip file: whole under its name, or not there at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import ProtectionError
from sila_daemon.folder.problems import storage_errors
from sila_daemon.server.spaces.space_zip import SpaceZip

if TYPE_CHECKING:
    from sila_daemon.server.world import World


async def export_space(world: World, space_id: str, target: Path) -> dict[str, Any]:
    """Writes a space into a new zip file. Raises ProtectionError when the file exists."""
    ports, disk = world.ports, world.ports.disk
    if await ports.workers.run(lambda: disk.stat(target)) is not None:
        raise ProtectionError(
            f"{target} exists already", code="exists", hint="Choose a path that does not exist yet."
        )
    draft = target.with_name(f".{ports.randomness.token(8).hex()}.tmp")
    with storage_errors(f"write {target}"):
        file = await ports.workers.run(lambda: disk.create(draft))
    try:
        async with world.spaces.use(space_id) as space:
            made = SpaceZip(space, ports, world.spaces.scratch.place())
            async for chunk in made.chunks():
                with storage_errors(f"write {target}"):
                    await ports.workers.run(lambda c=chunk: file.write(c))  # type: ignore[misc]

        def finish() -> None:
            with storage_errors(f"write {target}"):
                file.sync()
                disk.rename(draft, target)
                disk.sync_dir(target.parent)

        await ports.workers.run(finish)
    finally:
        file.close()
        await ports.workers.run(lambda: disk.unlink(draft))
    counts = made.counts
    return {"id": space_id, "path": str(target), "ops": counts.ops, "files": counts.files}
