"""The canonical dump of a space folder: `sila-dump/1`, RFC 8785 with lone surrogates escaped.

Equal op sets give byte-identical dumps. Trees are loaded and rendered one at a time; what is
rendered waits in a spool that the caller provides, because the problems of all trees come first
in the document's order of keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from sila_daemon.core import json_value
from sila_daemon.core.errors import SecretsError, SilaError
from sila_daemon.folder.blobs import BlobFolder
from sila_daemon.folder.layout import stand_in_of
from sila_daemon.folder.problems import Problem, storage_errors
from sila_daemon.folder.secrets import read_secrets
from sila_daemon.folder.tree_loader import load_tree

if TYPE_CHECKING:
    from sila_daemon.core.json_value import Json
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.folder.blob_writer import StaticBlob, VarBlob
    from sila_daemon.folder.space_folder import SpaceFolder
    from sila_daemon.ports.randomness import Randomness

FORMAT = "sila-dump/1"
_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class TreeSummary:
    """One tree in a few words, for people."""

    tree_id: str
    app_id: Json
    name: str | None
    op_count: int
    vertex_count: int
    pending_count: int


@dataclass(slots=True)
class SpaceDump:
    """A space as its folder shows it; the trees are rendered already."""

    space_id: str | None
    name: str | None
    trees: list[TreeSummary]
    static: list[StaticBlob]
    var: list[VarBlob]
    secrets: dict[str, str]
    problems: list[Problem]
    spool: BinaryIO
    """Holds the `trees` member, rendered."""

    def render(self, *, with_secrets: bool) -> Iterator[bytes]:
        """Yields the document in pieces, with one newline at its end."""
        files = {
            "static": [{"hash": blob.hash, "size": blob.size} for blob in self.static],
            "var": [{"id": blob.id, "size": blob.size, "sha256": blob.sha256} for blob in self.var],
        }
        names = sorted(self.secrets, key=_utf16)
        head: list[tuple[str, Json]] = [
            ("files", files),
            ("format", FORMAT),
            ("name", self.name),
            ("problems", [problem.to_json() for problem in self.problems]),
            ("secrets", self.secrets if with_secrets else names),
            ("spaceId", self.space_id),
        ]
        mark = b"{"
        for key, value in head:
            yield b'%b"%b":%b' % (mark, key.encode(), json_value.canonical(value))
            mark = b","
        yield b',"trees":'
        self.spool.seek(0)
        while piece := self.spool.read(_COPY_BYTES):
            yield piece
        yield b"}\n"


def dump_space(
    folder: SpaceFolder,
    randomness: Randomness,
    spool: BinaryIO,
    on_progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> SpaceDump:
    """Reads a space folder whole; what cannot be read is among the problems.

    `spool` is an empty file of the caller's that takes the rendered trees. `on_progress` is told
    "trees", how many are done and of how many.
    """
    scan = folder.scan()
    problems = [*folder.problems, *scan.problems]
    name: str | None = None
    summaries: list[TreeSummary] = []
    spool.write(b"{")
    trees = scan.by_tree()
    for done, (tree_id, files) in enumerate(trees.items()):
        on_progress("trees", done, len(trees))
        loaded = load_tree(folder, tree_id, files)
        problems += loaded.problems
        root = loaded.tree.root
        if tree_id == folder.space_id and root is not None:
            found = root.get("name")
            name = found if isinstance(found, str) else None
        if summaries:
            spool.write(b",")
        summaries.append(_summary(loaded.tree))
        _render_tree(loaded.tree, spool)
    spool.write(b"}")
    problems += space_tree_problems(folder, {summary.tree_id for summary in summaries})
    blobs = BlobFolder(folder.layout.files_dir, folder.disk, randomness)
    static = list(blobs.list_static(problems))
    var = list(_var_blobs(blobs, problems))
    secrets = load_secrets(folder, problems)
    problems.sort(key=lambda problem: problem.sort_key)
    return SpaceDump(folder.space_id, name, summaries, static, var, secrets, problems, spool)


def space_tree_problems(folder: SpaceFolder, tree_ids: set[str]) -> list[Problem]:
    """Tells when the tree that space.json names is not there."""
    if folder.space_id is None or folder.space_id in tree_ids:
        return []
    path = folder.layout.relative(folder.layout.space_json)
    message = f"the folder has no ops of the space tree {folder.space_id} that it names"
    return [Problem(path, None, "missing_space_tree", message)]


def load_secrets(folder: SpaceFolder, problems: list[Problem]) -> dict[str, str]:
    """Opens the secrets; why they do not open goes to `problems`."""
    path = folder.layout.secrets
    where = folder.layout.relative(path)
    try:
        with storage_errors("read the secrets"):
            if all(folder.disk.stat(there) is None for there in (path, stand_in_of(path))):
                return {}
        if folder.space_id is None:
            raise SecretsError("cannot be opened without the space's id")
        opened = read_secrets(folder.disk, path, folder.space_id)
    except SilaError as error:
        problems.append(Problem(where, None, error.code, error.message))
        return {}
    return opened.values if opened else {}


def _var_blobs(blobs: BlobFolder, problems: list[Problem]) -> Iterator[VarBlob]:
    for uuid in blobs.list_var(problems):
        try:
            yield blobs.stat_var(uuid)
        except SilaError as error:
            path = f"space-v1/files/var/uuid/{uuid[:2]}/{uuid[2:]}"
            problems.append(Problem(path, None, "unreadable", error.message))


def _summary(tree: RepTree) -> TreeSummary:
    root = tree.root
    return TreeSummary(
        tree.tree_id,
        root.get("appId") if root else None,
        root.name if root else None,
        tree.op_count,
        tree.vertex_count,
        tree.pending_moves + tree.pending_properties,
    )


def _render_tree(tree: RepTree, spool: BinaryIO) -> None:
    """Writes `"<tree id>":{...}`, its keys in canonical order."""
    root = tree.root
    head: list[tuple[str, Json]] = [
        ("appId", root.get("appId") if root else None),
        ("ops", tree.op_count),
        ("pending", {"moves": tree.pending_moves, "properties": tree.pending_properties}),
        ("root", root.id if root else None),
        ("vector", tree.vector.to_json()),
    ]
    spool.write(b'"%b":' % tree.tree_id.encode())
    mark = b"{"
    for key, value in head:
        spool.write(b'%b"%b":%b' % (mark, key.encode(), json_value.canonical(value)))
        mark = b","
    spool.write(b',"vertices":')
    mark = b"["
    ordered = sorted((_utf16(tree.id_of(index)), index) for index in tree.indices())
    for _, index in ordered:
        spool.write(mark)
        spool.write(json_value.canonical(_vertex(tree, index)))
        mark = b","
    spool.write(b"]}" if ordered else b"[]}")


def _vertex(tree: RepTree, index: int) -> Json:
    parent, texts = tree.parent_of(index), tree.texts(index, with_transient=False)
    return {
        "id": tree.id_of(index),
        "parent": None if parent is None else tree.id_of(parent),
        "children": [tree.id_of(child) for child in tree.children_of(index)],
        "properties": {key: json_value.decode(text) for key, text in sorted(texts)},
    }


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")
