"""Writes the sample space into a new folder, with the same code that writes real ones.

What it says is in `content.toml`. Its history is spread over the three days before `now_s`, so
that a fresh sample looks like a space somebody lives in.
"""

from __future__ import annotations

import struct
import tomllib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sila_daemon.core.chat_view import ChatView
from sila_daemon.core.editor import Editor
from sila_daemon.core.files_view import BlobKind, BlobReference, FilesView
from sila_daemon.core.rep_tree import RepTree
from sila_daemon.core.space import Space
from sila_daemon.folder.blobs import BlobFolder
from sila_daemon.folder.op_appender import OpAppender
from sila_daemon.folder.secrets import write_secrets
from sila_daemon.folder.space_folder import create_space_folder
from sila_daemon.ports.clock import iso_timestamp
from sila_daemon.ports.randomness import Randomness, new_id

if TYPE_CHECKING:
    from sila_daemon.core.vertex import Vertex
    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.disk import Disk

_HISTORY_S = 3 * 86_400
_STEP_S = 97


@dataclass(frozen=True, slots=True)
class SampleSpace:
    """What was written."""

    space_id: str
    name: str
    tree_ids: list[str]
    op_count: int


def write_sample_space(
    root: Path, disk: Disk, clock: Clock, randomness: Randomness, name: str | None = None
) -> SampleSpace:
    """Makes a space folder at `root` and fills it. Raises ProtectionError, StorageError."""
    content: dict[str, Any] = tomllib.loads(
        resources.files(__package__).joinpath("content.toml").read_text(encoding="utf-8")
    )
    timeline = _timeline(clock.time())
    editor = Editor(lambda: iso_timestamp(next(timeline)), lambda: new_id(randomness))
    space_id = new_id(randomness)
    folder = create_space_folder(root, disk, randomness, space_id)
    builder = _Builder(content, editor, randomness, disk, folder.layout.files_dir)
    name = name or str(content["name"])
    builder.build(space_id, name)
    appender = OpAppender(folder.layout, disk, clock, randomness)
    op_count = 0
    for tree in builder.trees:
        ops = tree.take_local_ops()
        appender.append(tree.tree_id, {editor.peer}, ops)
        op_count += len(ops)
    write_secrets(disk, folder.layout.secrets, space_id, content["secrets"], randomness)
    tree_ids = [tree.tree_id for tree in builder.trees]
    return SampleSpace(space_id, name, tree_ids, op_count)


def _timeline(now_s: float) -> Iterator[float]:
    """Yields moments that move from three days ago towards now, each later than the last."""
    moment = now_s - _HISTORY_S
    while True:
        yield moment
        moment += min(_STEP_S, (now_s - moment) / 100)


class _Builder:
    """Builds the trees of the sample in memory and stores its blobs."""

    def __init__(
        self,
        content: dict[str, Any],
        editor: Editor,
        randomness: Randomness,
        disk: Disk,
        files_dir: Path,
    ) -> None:
        self.trees: list[RepTree] = []
        self._content = content
        self._editor = editor
        self._randomness = randomness
        self._blobs = BlobFolder(files_dir, disk, randomness)
        self._file_vertices: dict[str, tuple[str, str]] = {}
        """By path: the tree and the vertex of a file."""

    def build(self, space_id: str, name: str) -> None:
        space = Space.create(space_id, self._editor, name)
        self.trees.append(space.tree)
        self._add_assistants(space)
        self._add_files(space)
        folders: dict[str, Vertex] = {}
        for chat in self._content["chats"]:
            tree = self._new_tree()
            self._write_chat(tree, chat)
            reference = space.add_tree(tree.tree_id, chat["title"])
            if "folder" in chat:
                reference.move_to(self._thread_folder(space, folders, chat["folder"]))

    def _new_tree(self) -> RepTree:
        tree = RepTree(new_id(self._randomness), self._editor)
        self.trees.append(tree)
        return tree

    def _thread_folder(self, space: Space, folders: dict[str, Vertex], name: str) -> Vertex:
        if name not in folders:
            threads = space.section("threads")
            assert threads is not None, "a new space has its sections"
            folders[name] = threads.new_child({"name": name})
        return folders[name]

    def _add_assistants(self, space: Space) -> None:
        configs = space.section("configs")
        assert configs is not None, "a new space has its sections"
        for assistant in self._content["assistants"]:
            configs.new_child(assistant)

    def _add_files(self, space: Space) -> None:
        tree = self._new_tree()
        view = FilesView.plant(tree)
        space.add_tree(tree.tree_id, "Files", section="assets")
        for file in self._content["files"]:
            *folders, name = file["path"].split("/")
            data = _curve_png() if "picture" in file else file["text"].lstrip("\n").encode()
            blob = self._store(data, is_mutable=file.get("mutable", False))
            vertex = view.add_file(view.make_folders(folders), name, blob, len(data), file["mime"])
            self._file_vertices[file["path"]] = (tree.tree_id, vertex.id)

    def _store(self, data: bytes, *, is_mutable: bool) -> BlobReference:
        if is_mutable:
            uuid = new_id(self._randomness)
            self._blobs.put_var(uuid, [data])
            return BlobReference(BlobKind.VAR, uuid)
        return BlobReference(BlobKind.STATIC, self._blobs.put_static([data]).hash)

    def _write_chat(self, tree: RepTree, chat: dict[str, Any]) -> None:
        view = ChatView.plant(tree, chat["title"], chat["assistant"])
        for message in chat["messages"]:
            extra = {
                ours: message[theirs]
                for ours, theirs in (
                    ("configName", "author"),
                    ("modelProvider", "provider"),
                    ("modelId", "model"),
                    ("thinking", "thinking"),
                )
                if theirs in message
            }
            if "files" in message:
                references = [self._file_vertices[path] for path in message["files"]]
                extra["files"] = [{"tree": tree, "vertex": vertex} for tree, vertex in references]
            text = message["text"].strip("\n")
            if "instead_of" in message:
                original = view.messages()[message["instead_of"]]
                added = view.branch(original.vertex_id, text)
                for key, value in extra.items():
                    added.set(key, value)
            else:
                view.append(message["role"], text, extra)


def _curve_png(width: int = 96, height: int = 48) -> bytes:
    """Draws a roast curve as an 8-bit RGB PNG (RFC 2083)."""
    rows = []
    for y in range(height):
        row = bytearray(b"\x00")
        for x in range(width):
            along = x / (width - 1)
            level = 1 - (1 - along) ** 2.4 + 0.25 * max(0.0, 0.12 - along)
            distance = abs(y - (height - 4) * (1 - 0.85 * level) - 2)
            row += b"\xb0\x52\x1e" if distance < 1.2 else b"\xfa\xf6\xf0"
        rows.append(bytes(row))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _png_chunk(kind, data)
        for kind, data in (
            (b"IHDR", header),
            (b"IDAT", zlib.compress(b"".join(rows), 9)),
            (b"IEND", b""),
        )
    )


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
