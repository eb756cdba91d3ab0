"""Wrong code that does not live well with the other programs in a folder."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sila_daemon.folder import layout, op_reader, space_folder
from sila_daemon.folder.op_appender import OpAppender
from sila_daemon.mirror import op_file_scan
from sila_daemon.mirror.folder_layer import FolderLayer
from sila_daemon.store import secret_merge, secrets
from sila_daemon.store.secret_merge import SecretSet, with_value
from tests.simulation.mutants import plans
from tests.simulation.mutants.mutant import Mutant
from tests.simulation.regressions import REGRESSIONS

if TYPE_CHECKING:
    from sila_daemon.core.op_codec import DecodedChunk
    from sila_daemon.core.ops import Op
    from sila_daemon.folder.layout import OpFile
    from sila_daemon.folder.op_reader import FileChunk
    from sila_daemon.folder.problems import Problem
    from sila_daemon.folder.space_folder import SpaceFolder
    from sila_daemon.mirror.op_file_scan import Look
    from sila_daemon.store.positions import Position
    from sila_daemon.store.secret_merge import Seen

_scan_all = FolderLayer._scan_all
_own_path = OpAppender._own_path
_look = op_file_scan.look
_parse_op_name = layout.parse_op_name
_merged = secret_merge.merged
_new_chunk = op_reader.FileChunk


async def _scans_once(layer: FolderLayer, *, is_everything: bool) -> None:
    await _scan_all(layer, is_everything=is_everything)
    layer._scan_at = float("inf")


def _every_peer_is_own(
    appender: OpAppender, tree_id: str, day: date, _: Collection[str], op: Op
) -> Path | None:
    return _own_path(appender, tree_id, day, {op.peer}, op)


def _without_copies(
    folder: SpaceFolder, files: Iterable[OpFile], positions: Mapping[str, Position]
) -> Look:
    return _look(folder, [file for file in files if not file.is_conflict_copy], positions)


def _as_no_copy(relative: str, tree_id: str, name: str) -> OpFile:
    return replace(_parse_op_name(relative, tree_id, name), is_conflict_copy=False)


def _as_whole_lines(
    decoded: DecodedChunk, problems: list[Problem], end: int, next_line: int, _: bool = False
) -> FileChunk:
    return _new_chunk(decoded, problems, end, next_line)


def _forgets_removals(
    mine: SecretSet, theirs: SecretSet, base: Mapping[str, Seen], **how: Any
) -> SecretSet:
    return _merged(SecretSet(mine.values), SecretSet(theirs.values), base, **how)


def _absence_deletes(
    mine: SecretSet, theirs: SecretSet, base: Mapping[str, Seen], **how: Any
) -> SecretSet:
    result = _merged(mine, theirs, base, **how)
    for name in sorted(base.keys() - theirs.values.keys()):
        result.put(name, with_value(result.entry(name), None))
    return result


FOLDERS: dict[str, Mutant] = {
    "watcher_without_scan": Mutant(FolderLayer, "_scan_all", _scans_once, plans.UNHEARD_PROGRAM),
    "appends_to_files_of_others": Mutant(
        OpAppender, "_own_path", _every_peer_is_own, plans.ONE_CHANGE
    ),
    "conflict_copies_not_read": Mutant(
        op_file_scan, "look", _without_copies, plans.CONFLICT_COPY_ALONE
    ),
    "conflict_copies_credited": Mutant(
        space_folder, "parse_op_name", _as_no_copy, plans.CONFLICT_COPY_ALONE
    ),
    "lines_without_end_credited": Mutant(
        op_reader, "FileChunk", _as_whole_lines, REGRESSIONS["a_line_without_its_end_may_go_again"]
    ),
    "removed_secret_resurrected": Mutant(
        secrets, "merged", _forgets_removals, plans.REMOVED_SECRET
    ),
    "secret_deleted_by_absence": Mutant(secrets, "merged", _absence_deletes, plans.OLDER_SECRETS),
}
