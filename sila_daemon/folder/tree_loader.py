"""Builds a tree from its op files: moves first, then properties, in one batch.

One id with two contents (a peer id that was copied or restored) is reported, and the greater
content counts, the same on every replica. Such ids show up as ops that the finished tree held
already; only then are the files read once more, for the contents of these ids alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sila_daemon.core.garbage import collection_paused
from sila_daemon.core.op_codec import LineKind, MoveRow, PropertyRow, to_op
from sila_daemon.core.ops import Op, OpId, content_bytes
from sila_daemon.core.rep_tree import RepTree
from sila_daemon.folder.op_reader import read_op_file
from sila_daemon.folder.problems import Problem, printable, unreadable
from sila_daemon.folder.torn_lines import with_torn_lines

if TYPE_CHECKING:
    from sila_daemon.folder.layout import OpFile
    from sila_daemon.folder.op_reader import FileChunk
    from sila_daemon.folder.space_folder import SpaceFolder

FILE_PROBLEMS_MAX = 1000
"""Of one file; what is beyond is counted in one more problem, so that memory stays bounded."""

R = TypeVar("R", MoveRow, PropertyRow)


@dataclass(slots=True)
class LoadedTree:
    """A tree as a folder holds it."""

    tree: RepTree
    problems: list[Problem]
    """What could not be read, and ids with two contents; the rest is in the tree."""
    conflict_ids: list[OpId]
    """Ids that stand in the folder with two contents, sorted."""


def load_tree(folder: SpaceFolder, tree_id: str, files: Iterable[OpFile]) -> LoadedTree:
    """Loads a tree from the files that a scan found for it. Never raises for what is in them."""
    with collection_paused():
        return _load(folder, tree_id, files)


def _load(folder: SpaceFolder, tree_id: str, files: Iterable[OpFile]) -> LoadedTree:
    # Pure move files first: the tree then knows its vertices when their properties come.
    ordered = sorted(files, key=lambda file: (_RANK[file.kind], file.relative))
    problems: list[Problem] = []
    tree = RepTree(tree_id)
    with tree.batch() as batch:
        for file in ordered:
            if file.kind is LineKind.PROPERTIES:
                batch.settle_moves()
            for chunk in _chunks(folder, file, problems):
                if chunk.decoded.moves:
                    batch.add_moves(file.peer, chunk.decoded.moves)
                if chunk.decoded.properties:
                    batch.add_properties(file.peer, chunk.decoded.properties)
    suspects = {op.id for op in (*batch.result.conflicts, *batch.result.unverified)}
    winners, conflict_ids = _settle(folder, ordered, suspects)
    if conflict_ids:
        where = f"the ops of tree {tree_id}"
        path = ordered[0].relative.rsplit("/", 4)[0]
        problems += [
            Problem(
                path,
                None,
                "id_conflict",
                f"op {op_id.counter} of peer {op_id.peer} stands "
                f"in {where} with two contents: the greater one counts",
            )
            for op_id in conflict_ids[:FILE_PROBLEMS_MAX]
        ]
        tree = _reload(folder, tree_id, ordered, [winners[op_id] for op_id in conflict_ids])
    return LoadedTree(tree, problems, conflict_ids)


_RANK = {LineKind.MOVES: 0, LineKind.TYPED: 1, LineKind.PROPERTIES: 2}


def _chunks(folder: SpaceFolder, file: OpFile, problems: list[Problem]) -> Iterator[FileChunk]:
    """Yields what a file holds; collects its problems, an unreadable rest included."""
    relative, path = printable(file.relative), folder.path_of(file)
    found: list[Problem] = []
    dropped = 0
    try:
        for chunk in read_op_file(folder.disk, path, relative, file.kind):
            room = FILE_PROBLEMS_MAX - len(found)
            found += chunk.problems[:room]
            dropped += max(0, len(chunk.problems) - room)
            yield chunk
        found = with_torn_lines(folder.disk, path, found)
    except OSError as error:
        found.append(unreadable(relative, error))
    problems += found
    if dropped:
        message = f"{dropped} more lines have problems"
        problems.append(Problem(relative, None, "more_problems", message))


def _settle(
    folder: SpaceFolder, files: Iterable[OpFile], suspects: Collection[OpId]
) -> tuple[dict[OpId, Op], list[OpId]]:
    """Returns the greatest content for each suspect id, and those with more than one."""
    if not suspects:
        return {}, []
    winners: dict[OpId, tuple[bytes, Op]] = {}
    conflicts: set[OpId] = set()
    for file in files:
        for chunk in _chunks(folder, file, []):
            rows: list[MoveRow | PropertyRow] = [*chunk.decoded.moves, *chunk.decoded.properties]
            for row in rows:
                op_id = OpId(row.counter, file.peer)
                if op_id not in suspects:
                    continue
                op = to_op(file.peer, row)
                content = content_bytes(op)
                rival = winners.get(op_id)
                if rival is not None and rival[0] != content:
                    conflicts.add(op_id)
                if rival is None or content > rival[0]:
                    winners[op_id] = content, op
    return {op_id: op for op_id, (_, op) in winners.items()}, sorted(conflicts)


def _reload(
    folder: SpaceFolder, tree_id: str, files: Iterable[OpFile], winners: list[Op]
) -> RepTree:
    """Loads a tree anew, with the given ops in place of others that have their ids."""
    tree = RepTree(tree_id)
    taken = {op.id for op in winners}
    with tree.batch() as batch:
        batch.add_ops(winners)
        for file in files:
            for chunk in _chunks(folder, file, []):
                moves = _without(taken, file.peer, chunk.decoded.moves)
                batch.add_moves(file.peer, moves)
                batch.add_properties(
                    file.peer, _without(taken, file.peer, chunk.decoded.properties)
                )
    return tree


def _without(taken: Collection[OpId], peer: str, rows: list[R]) -> list[R]:
    return [row for row in rows if (row.counter, peer) not in taken]
