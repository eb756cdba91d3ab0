"""What a files tree means: folders and files, and the blobs that file vertices refer to.

Source: the section "What a space holds" of the space format. A file vertex has a `hash` (an
immutable blob, SHA-256) or an `id` (a mutable one, UUID) beside its `mimeType`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sila_daemon.core import ids, json_value
from sila_daemon.core.errors import InvalidIdError

if TYPE_CHECKING:
    from sila_daemon.core.json_value import Json
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.core.vertex import Vertex

FILES_APP = "files"
_HASH_KEY = "hash"
_UUID_KEY = "id"


class BlobKind(StrEnum):
    """The two places where a space keeps the bytes of files."""

    STATIC = "static"
    """Immutable, named by the SHA-256 of its bytes."""
    VAR = "var"
    """Mutable, named by a UUID."""


@dataclass(frozen=True, slots=True, order=True)
class BlobReference:
    """The name of a blob: a SHA-256, or a UUID without dashes."""

    kind: BlobKind
    name: str


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A folder or a file, as a list shows it."""

    vertex_id: str
    name: str
    blob: BlobReference | None
    """None for a folder, and for a file whose reference is malformed."""
    is_folder: bool
    mime_type: str
    size: int | None
    """Bytes, as the vertex tells it; None when it does not."""
    created_ms: float | None
    properties: dict[str, Json]


class FilesView:
    """A view on the files of a tree: those under `files`, or under a chat's `assets`."""

    def __init__(self, tree: RepTree) -> None:
        self.tree = tree

    @classmethod
    def plant(cls, tree: RepTree) -> FilesView:
        """Makes a fresh tree a files tree, as the original app does."""
        root = tree.create_root()
        root.set("appId", FILES_APP)
        root.new_child({"name": "files"})
        return cls(tree)

    @property
    def top(self) -> Vertex | None:
        """The vertex that holds folders and files."""
        root = self.tree.root
        if root is None:
            return None
        return root.child_named("files") or root.child_named("assets")

    def entries(self, folder_id: str | None = None) -> list[FileEntry]:
        """Returns what is in a folder, by default the top one, folders first, then by name."""
        folder = self.top if folder_id is None else self.tree.vertex(folder_id)
        found = [file_entry(child) for child in (folder.children if folder else [])]
        return sorted(found, key=lambda entry: (not entry.is_folder, entry.name.casefold()))

    def find(self, path: str) -> FileEntry | None:
        """Returns the entry at a path of names joined with `/`; None when there is none."""
        vertex = self.top
        for name in filter(None, path.split("/")):
            vertex = vertex.child_named(name) if vertex else None
        return file_entry(vertex) if vertex and vertex != self.top else None

    def make_folders(self, names: list[str]) -> Vertex:
        """Returns the folder at a path of names, making what is missing."""
        vertex = self.top
        if vertex is None:
            root = self.tree.root or self.tree.create_root()
            vertex = root.new_child({"name": "files"})
        for name in names:
            vertex = vertex.child_named(name) or vertex.new_child({"_n": name, "name": name})
        return vertex

    def add_file(
        self, folder: Vertex, name: str, blob: BlobReference, size: int, mime_type: str
    ) -> Vertex:
        """Adds a file to a folder; its blob must be stored before."""
        key = _HASH_KEY if blob.kind is BlobKind.STATIC else _UUID_KEY
        return folder.new_child({"name": name, "mimeType": mime_type, "size": size, key: blob.name})


def file_entry(vertex: Vertex) -> FileEntry:
    """Reads a vertex as a folder or a file."""
    size, mime_type = vertex.get("size"), vertex.get("mimeType")
    is_file = isinstance(vertex.get(_HASH_KEY), str) or isinstance(mime_type, str)
    return FileEntry(
        vertex.id,
        json_value.displayable(vertex.name or ""),
        blob_of(vertex.get(_HASH_KEY), vertex.get(_UUID_KEY) if is_file else None),
        not is_file,
        mime_type if isinstance(mime_type, str) else "",
        size if isinstance(size, int) and not isinstance(size, bool) else None,
        vertex.created_ms,
        vertex.properties,
    )


def blob_of(hash_value: Json, uuid_value: Json) -> BlobReference | None:
    """Reads the properties `hash` and `id` of a file vertex; None when neither is well formed."""
    if ids.is_hash(hash_value):
        return BlobReference(BlobKind.STATIC, hash_value)
    try:
        return BlobReference(BlobKind.VAR, ids.checked_uuid(uuid_value))
    except InvalidIdError:
        return None


def blob_references(tree: RepTree, *, with_deleted: bool = True) -> Iterator[BlobReference]:
    """Yields every blob that a vertex of the tree refers to; one for each vertex that does.

    An `id` counts only beside a `mimeType`: other vertices have ids of their own kind.
    """
    left_out = set() if with_deleted else _deleted(tree)
    for index in tree.indices():
        hash_text = tree.text(index, _HASH_KEY)
        is_file = hash_text is not None or tree.text(index, "mimeType") is not None
        if is_file:
            reference = blob_of(tree.value(index, _HASH_KEY), tree.value(index, _UUID_KEY))
            if reference is not None and index not in left_out:
                yield reference


def _deleted(tree: RepTree) -> set[int]:
    """Returns the null vertex and all below: one walk, where asking each would be quadratic."""
    null = tree.index_of(ids.NULL_VERTEX)
    stack = [] if null is None else [null]
    found = set(stack)
    while stack:
        below = tree.children_of(stack.pop())
        found.update(below)
        stack += below
    return found
