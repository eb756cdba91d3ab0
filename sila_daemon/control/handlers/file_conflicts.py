"""`file.conflicts` and `file.choose`: mutable files that were changed in two places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.control import file_results, messages, results
from sila_daemon.control.handlers.trees import path_of
from sila_daemon.core.errors import NotFoundError, UsageError
from sila_daemon.core.files_view import BlobKind, file_entry
from sila_daemon.core.vertex import Vertex

if TYPE_CHECKING:
    from sila_daemon.control.connection import Handler
    from sila_daemon.control.host import OpenSpace, SpaceKeeper
    from sila_daemon.control.space_parts import FileConflict

PREFIX_LENGTH_MIN = 4


class FileConflictHandlers:
    """Lists files that wait for a person, and takes the choice."""

    def __init__(self, spaces: SpaceKeeper) -> None:
        self._spaces = spaces

    def routes(self) -> dict[str, Handler]:
        """Returns the methods of this group."""
        return {"file.conflicts": self.list, "file.choose": self.choose}

    async def list(self, params: messages.SpaceParams) -> file_results.FileConflicts:
        """Lists what was kept beside newer contents, the oldest first."""
        space = self._spaces.find(params.space)
        waiting = await space.file_choices.waiting()
        paths = await _paths(space) if waiting else {}
        return file_results.FileConflicts(
            conflicts=[
                file_results.FileConflict(
                    id=one.uuid,
                    path=paths.get(one.uuid),
                    hash=one.sha256,
                    size=one.size,
                    server=one.server,
                    at=one.at_ms,
                )
                for one in waiting
            ]
        )

    async def choose(self, params: messages.ChooseParams) -> results.Done:
        """Puts the kept content in place, or leaves the newer one there."""
        space = self._spaces.find(params.space)
        waiting = await space.file_choices.waiting()
        paths = await _paths(space)
        found = [one for one in waiting if _is_meant(params.file, one, paths)]
        if params.hash is not None:
            found = [one for one in found if one.sha256.startswith(params.hash)]
        if len(found) > 1:
            hashes = ", ".join(one.sha256[:12] for one in found[:5])
            raise UsageError(
                f"{len(found)} contents wait for a choice",
                code="ambiguous",
                hint=f"name one by its hash: {hashes}",
            )
        uuid = found[0].uuid if found else params.file
        sha256 = found[0].sha256 if found else params.hash or ""
        await space.file_choices.choose(uuid, sha256, own=params.keep == "own")
        return results.Done()


async def _paths(space: OpenSpace) -> dict[str, str]:
    """Returns where mutable files stand, by their ids, as `file.list` tells it."""
    paths: dict[str, str] = {}
    for tree_id in await space.tree_ids():
        try:
            tree = await space.tree(tree_id)
        except NotFoundError:
            continue  # Nothing of it is shown yet.
        for index in tree.indices():
            blob = file_entry(Vertex(tree, index)).blob if tree.text(index, "mimeType") else None
            if blob is not None and blob.kind is BlobKind.VAR and not tree.is_deleted(index):
                path = path_of(Vertex(tree, index)).removeprefix("/")
                paths.setdefault(blob.name, path.partition("/")[2] or path)
    return paths


def _is_meant(reference: str, conflict: FileConflict, paths: dict[str, str]) -> bool:
    if paths.get(conflict.uuid) == reference.strip("/"):
        return True
    prefix = reference.replace("-", "").lower()
    is_prefix = len(prefix) >= PREFIX_LENGTH_MIN and conflict.uuid.startswith(prefix)
    return is_prefix or conflict.uuid == prefix
