"""Verifies a space folder: reads everything, changes nothing, says in words what is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sila_daemon.core.errors import CorruptBlobError, SilaError
from sila_daemon.core.files_view import BlobKind, BlobReference, blob_references
from sila_daemon.core.space import Space
from sila_daemon.folder.blobs import BlobFolder
from sila_daemon.folder.dump import load_secrets, space_tree_problems
from sila_daemon.folder.problems import Problem, printable
from sila_daemon.folder.torn_lines import TORN_LINE
from sila_daemon.folder.tree_loader import load_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.folder.space_folder import FolderScan, SpaceFolder
    from sila_daemon.ports.randomness import Randomness


@dataclass(slots=True)
class Verification:
    """What a verification found, and how much it looked at."""

    space_id: str | None = None
    name: str | None = None
    tree_count: int = 0
    op_count: int = 0
    blob_count: int = 0
    blob_bytes: int = 0
    problems: list[Problem] = field(default_factory=list)
    """What is wrong; the space is well when there is none."""
    notes: list[Problem] = field(default_factory=list)
    """What is worth knowing and does no harm."""

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify_space(
    folder: SpaceFolder,
    randomness: Randomness,
    on_progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> Verification:
    """Reads every op and every byte of every file.

    `on_progress` is told what is read ("trees" or "files"), how many are done and of how many.
    """
    found = Verification(folder.space_id, problems=list(folder.problems))
    scan = folder.scan()
    found.problems += scan.problems
    found.notes += _conflict_copies(scan)
    trees = scan.by_tree()
    found.problems += space_tree_problems(folder, set(trees))
    references: dict[BlobReference, str] = {}
    referred_trees: list[str] = []
    for done, (tree_id, files) in enumerate(trees.items()):
        on_progress("trees", done, len(trees))
        loaded = load_tree(folder, tree_id, files)
        for problem in loaded.problems:
            (found.notes if problem.code == TORN_LINE else found.problems).append(problem)
        found.op_count += loaded.tree.op_count
        found.problems += _tree_problems(loaded.tree, files[0].relative.rsplit("/", 4)[0])
        for reference in blob_references(loaded.tree, with_deleted=False):
            references.setdefault(reference, tree_id)
        if tree_id == folder.space_id:
            space = Space(loaded.tree)
            found.name = space.name
            referred_trees = space.app_tree_ids()
    found.tree_count = len(trees)
    found.problems += [
        Problem(
            "space-v1/ops",
            None,
            "missing_tree",
            f"the space refers to tree {tree_id}, whose ops are not in this folder",
        )
        for tree_id in referred_trees
        if tree_id not in trees
    ]
    _check_blobs(folder, randomness, references, found, on_progress)
    load_secrets(folder, found.problems)
    found.problems.sort(key=lambda problem: problem.sort_key)
    return found


def _conflict_copies(scan: FolderScan) -> Iterator[Problem]:
    for file in scan.files:
        if file.is_conflict_copy:
            message = "a conflict copy left by a cloud tool; its ops are read too"
            yield Problem(printable(file.relative), None, "conflict_copy", message)


def _tree_problems(tree: RepTree, path: str) -> Iterator[Problem]:
    waiting = tree.pending_moves + tree.pending_properties
    if waiting:
        message = (
            f"of the ops here, {tree.pending_moves} wait for a parent and "
            f"{tree.pending_properties} for a vertex that no op here creates: "
            "another peer's ops are missing"
        )
        yield Problem(path, None, "pending_ops", message)
    if tree.root is None:
        yield Problem(path, None, "missing_root", "no op here creates the tree's root")
    elif tree.root.id != tree.tree_id:
        message = f"the root of the tree is another one than its id says: {tree.root.id!a}"
        yield Problem(path, None, "root_id_differs", message)


def _check_blobs(
    folder: SpaceFolder,
    randomness: Randomness,
    references: dict[BlobReference, str],
    found: Verification,
    on_progress: Callable[[str, int, int], None],
) -> None:
    """Reads all blobs, and looks for those that vertices refer to."""
    blobs = BlobFolder(folder.layout.files_dir, folder.disk, randomness)
    static = list(blobs.list_static(found.problems))
    var = list(blobs.list_var(found.problems))
    total = len(static) + len(var)
    for done, blob in enumerate(static):
        on_progress("files", done, total)
        path = f"space-v1/files/static/sha256/{blob.hash[:2]}/{blob.hash[2:]}"
        try:
            found.blob_bytes += blobs.check_static(blob.hash)
        except SilaError as error:
            code = error.code if isinstance(error, CorruptBlobError) else "unreadable"
            found.problems.append(Problem(path, None, code, error.message))
    for done, uuid in enumerate(var, len(static)):
        on_progress("files", done, total)
        path = f"space-v1/files/var/uuid/{uuid[:2]}/{uuid[2:]}"
        try:
            found.blob_bytes += blobs.stat_var(uuid).size
        except SilaError as error:
            found.problems.append(Problem(path, None, "unreadable", error.message))
    found.blob_count = total
    here = {BlobReference(BlobKind.STATIC, blob.hash) for blob in static}
    here |= {BlobReference(BlobKind.VAR, uuid) for uuid in var}
    for reference, tree_id in references.items():
        if reference not in here:
            message = f"tree {tree_id} refers to the file {reference.name}, which is not here"
            found.problems.append(Problem("space-v1/files", None, "blob_missing", message))
