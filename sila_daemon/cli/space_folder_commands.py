"""The handlers of `space create | dump | verify | export | import`. None writes into PATH."""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from sila_daemon.cli.command_tree import load_handler
from sila_daemon.core.errors import DaemonNotRunningError
from sila_daemon.core.wording import counted
from sila_daemon.folder.space_folder import SpaceFolder
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.randomness import SystemRandomness

if TYPE_CHECKING:
    from sila_daemon.cli.output import Output
    from sila_daemon.folder.archive import ArchiveSummary
    from sila_daemon.folder.dump import SpaceDump
    from sila_daemon.folder.problems import Problem
    from sila_daemon.folder.verify import Verification

ONLINE_CREATE = "sila_daemon.cli.spaces:create"
"""Takes over where a new space is more than a folder."""

_SPOOL_BYTES_MAX = 64 << 20
_PROBLEMS_SHOWN_MAX = 50


def create(arguments: argparse.Namespace, output: Output) -> int | None:
    """Has the daemon make a space; without a daemon, a folder can be made all the same."""
    try:
        return load_handler(ONLINE_CREATE)(arguments, output)
    except DaemonNotRunningError:
        if "://" in arguments.address or arguments.server:
            raise
    from sila_daemon.folder.new_space import create_space
    from sila_daemon.ports.clock import SystemClock

    root = _followed(arguments.address)
    folder = create_space(root, SystemDisk(), SystemClock(), SystemRandomness(), arguments.name)
    output.result(
        {"id": folder.space_id, "name": arguments.name, "path": str(root)},
        [
            f"Made the space {arguments.name} ({folder.space_id}) in {root}",
            f"To have the daemon look after it: sila-daemon space add {root}",
        ],
    )
    return 0


def dump(arguments: argparse.Namespace, output: Output) -> int:
    """Prints the canonical dump, or a summary for people."""
    from sila_daemon.folder.dump import dump_space

    folder = _open(arguments.path)
    gc.disable()  # Everything that is made here lives until the end.
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES_MAX) as spool:
        with output.progress() as step:
            found = dump_space(folder, SystemRandomness(), cast("BinaryIO", spool), step)
        if output.as_json:
            output.raw(found.render(with_secrets=arguments.secrets))
        else:
            _print_dump(found, output, with_secrets=arguments.secrets)
    return 0


def verify(arguments: argparse.Namespace, output: Output) -> int:
    """Checks a folder; exit code 1 when something is wrong."""
    from sila_daemon.folder.verify import verify_space

    folder = _open(arguments.path)
    gc.disable()
    with output.progress() as step:
        found = verify_space(folder, SystemRandomness(), step)
    data = {
        "path": str(folder.layout.root),
        "spaceId": found.space_id,
        "name": found.name,
        "well": found.is_well,
        "trees": found.tree_count,
        "ops": found.op_count,
        "files": found.blob_count,
        "bytes": found.blob_bytes,
        "problems": [problem.to_json() for problem in found.problems],
        "notes": [note.to_json() for note in found.notes],
    }
    output.result(data, _verification_lines(found))
    return 0 if found.is_well else 1


def export(arguments: argparse.Namespace, output: Output) -> int:
    """Packs a folder into a new zip file."""
    from sila_daemon.folder.archive import export_space

    folder = _open(arguments.path)
    target = Path(arguments.archive)
    target = _followed(target.parent) / target.name
    with output.progress() as step:
        summary = export_space(
            folder,
            target,
            SystemRandomness(),
            replace=arguments.force,
            on_progress=lambda done, total: step("files", done, total),
        )
    _print_summary("Packed", summary, target, output)
    return 0


def import_(arguments: argparse.Namespace, output: Output) -> int:
    """Unpacks an archive into a new folder."""
    from sila_daemon.folder.archive import import_space
    from sila_daemon.folder.zip_check import WITHOUT_LIMITS

    target = _followed(arguments.path)
    with output.progress() as step:
        summary = import_space(
            _followed(arguments.archive),
            target,
            SystemDisk(),
            SystemRandomness(),
            lambda path: shutil.rmtree(path, ignore_errors=True),
            limits=WITHOUT_LIMITS if arguments.force else None,
            on_progress=lambda done, total: step("files", done, total),
        )
    _print_summary("Unpacked", summary, target, output)
    return 0


def _print_summary(done: str, summary: ArchiveSummary, target: Path, output: Output) -> None:
    data = {
        "path": str(target),
        "spaceId": summary.space_id,
        "files": summary.file_count,
        "bytes": summary.byte_count,
        "problems": [problem.to_json() for problem in summary.problems],
    }
    told = f"{done} {counted(summary.file_count, 'file')} into {target}"
    output.result(data, [told, *_problem_lines(summary.problems)])


def _open(path: str) -> SpaceFolder:
    return SpaceFolder.open(_followed(path), SystemDisk())


def _followed(path: str | Path) -> Path:
    """Follows the links that a person names; links inside a space never are."""
    return Path(os.path.realpath(path))


def _print_dump(found: SpaceDump, output: Output, *, with_secrets: bool) -> None:
    output.line(f"{found.name or 'A space without a name'} ({found.space_id})", "bold")
    rows = [
        [
            tree.tree_id,
            tree.app_id if isinstance(tree.app_id, str) else "",
            tree.name or "",
            str(tree.op_count),
            str(tree.vertex_count),
            str(tree.pending_count),
        ]
        for tree in found.trees
    ]
    output.table(["tree", "app", "name", "ops", "vertices", "waiting"], rows)
    size = sum(blob.size for blob in found.static) + sum(blob.size for blob in found.var)
    count = len(found.static) + len(found.var)
    output.line(f"{counted(count, 'file')}, {size} bytes")
    for name, value in sorted(found.secrets.items()):
        output.line(f"secret {name}: {value}" if with_secrets else f"secret {name}")
    for line in _problem_lines(found.problems):
        output.line(line)


def _verification_lines(found: Verification) -> Iterator[str]:
    yield (
        f"Read {counted(found.tree_count, 'tree')}, {counted(found.op_count, 'op')} and "
        f"{counted(found.blob_count, 'file')} ({found.blob_bytes} bytes)."
    )
    yield from _problem_lines(found.problems)
    for note in found.notes:
        yield f"Note: {_place(note)}: {note.message}"
    if found.is_well:
        yield f"All is well with {found.name or 'this space'}."
    else:
        yield f"Found {counted(len(found.problems), 'problem')}. Nothing was changed."


def _problem_lines(problems: Sequence[Problem]) -> Iterator[str]:
    for problem in problems[:_PROBLEMS_SHOWN_MAX]:
        yield f"{_place(problem)}: {problem.message} [{problem.code}]"
    if len(problems) > _PROBLEMS_SHOWN_MAX:
        yield f"... and {len(problems) - _PROBLEMS_SHOWN_MAX} more; --json lists them all"


def _place(problem: Problem) -> str:
    return problem.path if problem.line is None else f"{problem.path}:{problem.line}"
