"""Ops in JSONL files on their way into a space's database, and the proof that they arrived."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sila_daemon.core.op_codec import Row, to_op
from sila_daemon.folder.op_reader import FileChunk, read_op_file
from sila_daemon.folder.problems import Problem, storage_errors
from sila_daemon.server.ops.op_store import Batch, OpStore

if TYPE_CHECKING:
    import apsw

    from sila_daemon.core.ops import Op
    from sila_daemon.folder.layout import OpFile
    from sila_daemon.folder.space_folder import SpaceFolder
    from sila_daemon.ports.workers import Workers

LOG = logging.getLogger(__name__)

SENDER = "import"


@dataclass(slots=True)
class JsonlImport:
    """What became of the op files of a folder."""

    new: int = 0
    """Ops that were not there before."""
    checked: int = 0
    """Ops that were read again and found in the database, one by one."""
    missing: int = 0
    """Ops that were read again and are not there; `problems` tells which."""
    refused: int = 0
    """Ops that the database does not take, such as a sixth content of one id."""
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_incomplete(self) -> bool:
        """Whether ops are missing that nothing was said about."""
        return self.missing > self.refused


async def import_ops(folder: SpaceFolder, store: OpStore, workers: Workers) -> JsonlImport:
    """Stores every op of a folder, then looks each of them up again. Only reads the folder."""
    result = JsonlImport()
    scan = await workers.run(folder.scan)
    result.problems += scan.problems
    for file in scan.files:
        chunks = _chunks(folder, file)
        while (found := await workers.run(lambda c=chunks, f=file: _next(c, f))) is not None:  # type: ignore[misc]
            ops, problems = found
            result.problems += problems
            (outcome,) = await store.commit([Batch(file.tree_id, ops, SENDER)], trusted=True)
            result.new += outcome.accepted
            result.refused += len(outcome.rejected)
            result.problems += [
                Problem(file.relative, None, error.code, error.message)
                for error in outcome.rejected
            ]
    for file in scan.files:
        chunks = _chunks(folder, file)
        while (found := await workers.run(lambda c=chunks, f=file: _next(c, f))) is not None:  # type: ignore[misc]
            lost = await _lost(store, file.tree_id, found[0])
            result.checked += len(found[0]) - len(lost)
            result.missing += len(lost)
            for op in lost[:10]:
                message = f"op {op.counter} of {op.peer} is not in the database"
                result.problems.append(Problem(file.relative, None, "not_imported", message))
    return result


def _next(chunks: Iterator[FileChunk], file: OpFile) -> tuple[list[Op], list[Problem]] | None:
    with storage_errors("read the ops of the folder"):
        chunk = next(chunks, None)
    if chunk is None:
        return None
    rows: list[Row] = [*chunk.decoded.moves, *chunk.decoded.properties]
    return [to_op(file.peer, row) for row in rows], chunk.problems


def _chunks(folder: SpaceFolder, file: OpFile) -> Iterator[FileChunk]:
    return iter(read_op_file(folder.disk, folder.path_of(file), file.relative, file.kind))


async def _lost(store: OpStore, tree_id: str, ops: list[Op]) -> list[Op]:
    """Returns those of the ops that the database does not hold with this content."""

    def work(connection: apsw.Connection) -> list[Op]:
        tree = store.trees.find(connection, tree_id)
        return [op for op in ops if tree is None or not store.holds(connection, tree, op)]

    return await store.database.read(work)
