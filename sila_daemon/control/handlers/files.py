"""`file.*`: files of a space, brought in from and written out to the local disk."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from mimetypes import MimeTypes
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.control import file_results, messages
from sila_daemon.control.handlers.trees import find_tree, found_vertex
from sila_daemon.core.errors import NotFoundError, UsageError
from sila_daemon.core.files_view import (
    FILES_APP,
    BlobKind,
    BlobReference,
    FileEntry,
    FilesView,
    file_entry,
)

if TYPE_CHECKING:
    from sila_daemon.control.connection import Handler
    from sila_daemon.control.handlers.local_files import LocalFiles
    from sila_daemon.control.host import OpenSpace, SpaceKeeper
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.core.tree_facts import TreeFacts

HEAD_BYTES_MAX = 1 << 18
"""More than a screen shows, little enough for one answer."""


class FileHandlers:
    """Lists, stores and writes out files."""

    def __init__(self, spaces: SpaceKeeper, local: LocalFiles) -> None:
        self._spaces = spaces
        self._local = local

    def routes(self) -> dict[str, Handler]:
        """Returns the methods of this group."""
        return {
            "file.list": self.list,
            "file.put": self.put,
            "file.get": self.get,
            "file.fetch": self.fetch,
            "file.head": self.head,
        }

    async def list(self, params: messages.FileListParams) -> file_results.Files:
        """Lists files by tree and path."""
        space = self._spaces.find(params.space)
        away = await space.file_fetches.away()
        files: list[file_results.FileEntry] = []
        folders: list[file_results.FolderEntry] = []
        for tree_id, found in (await _facts(space, params.tree)).items():
            if found.files_top is not None:
                top = found.files_top
                folders.append(file_results.FolderEntry(tree=tree_id, vertex=top, path=""))
            if not found.files:
                continue  # A chat without files is not worth loading.
            view = FilesView(await space.tree(tree_id))
            for path, entry in _below(view):
                if entry.is_folder:
                    folder = file_results.FolderEntry(
                        tree=tree_id, vertex=entry.vertex_id, path=path
                    )
                    folders.append(folder)
                else:
                    files.append(await _shown(space, tree_id, path, entry, away))
        return file_results.Files(files=files, folders=folders)

    async def put(self, params: messages.FilePutParams) -> file_results.FileStored:
        """Stores a local file under a path of the space."""
        *folders, name = _names(params.path)
        space = self._spaces.find(params.space)
        source = _absolute(params.source)
        blob_hash, size = await space.put_blob(self._local.chunks(source))
        blob = BlobReference(BlobKind.STATIC, blob_hash)
        mime_type = MimeTypes().guess_type(name)[0] or "application/octet-stream"

        def add(tree: RepTree) -> str:
            folder = FilesView(tree).make_folders(folders)
            known = folder.child_named(name)
            if known is None:
                return FilesView(tree).add_file(folder, name, blob, size, mime_type).id
            for key, value in (("hash", blob_hash), ("size", size), ("mimeType", mime_type)):
                known.set(key, value)
            return known.id

        tree_id = await self._files_tree(space, params.tree)
        entry = FilesView(await space.tree(tree_id)).find(params.path)
        if entry is not None and (
            entry.is_folder or (entry.blob and entry.blob.kind.value == "var")
        ):
            what = "a folder" if entry.is_folder else "a file that the app edits in place"
            raise UsageError(f"{params.path} is {what}", hint="take another name")
        vertex = await space.edit(tree_id, add)
        return file_results.FileStored(
            tree=tree_id, vertex=vertex, path="/".join([*folders, name]), hash=blob_hash, size=size
        )

    async def get(self, params: messages.FileGetParams) -> file_results.FileWritten:
        """Writes a file of the space to the local disk, fetched before if it is away."""
        space = self._spaces.find(params.space)
        target = _absolute(params.target)
        blob = await self._blob(space, params)
        self._local.check_free(target, overwrite=params.overwrite)
        await space.file_fetches.fetch([blob])
        size = await self._local.write(target, space.read_blob(blob), overwrite=params.overwrite)
        return file_results.FileWritten(target=str(target), size=size)

    async def fetch(self, params: messages.FileFetchParams) -> file_results.FilesFetched:
        """Brings a file, or all files of a folder, to this machine."""
        space = self._spaces.find(params.space)
        blobs: list[BlobReference] = []
        is_known = not params.path.strip("/")
        for tree_id in await _tree_ids(space, params.tree):
            view = FilesView(await space.tree(tree_id))
            entry = view.find(params.path)
            is_known = is_known or entry is not None
            if entry is not None and not entry.is_folder:
                blobs += [entry.blob] if entry.blob is not None else []
                break
            top = None if entry is None else entry.vertex_id
            if entry is not None or not params.path.strip("/"):
                blobs += [below.blob for _, below in _below(view, top) if below.blob is not None]
        if not is_known:
            raise _no_file(params.path)
        files, size = await space.file_fetches.fetch(blobs)
        return file_results.FilesFetched(files=files, bytes=size)

    async def head(self, params: messages.FileHeadParams) -> file_results.FileHead:
        """Gives the first bytes of a file."""
        if not 0 < params.limit <= HEAD_BYTES_MAX:
            raise UsageError(f"1 to {HEAD_BYTES_MAX} bytes are given at once")
        space = self._spaces.find(params.space)
        tree = await space.tree(await find_tree(space, params.tree))
        blob = file_entry(found_vertex(tree, params.vertex)).blob
        if blob is None:
            raise NotFoundError(f"the vertex {params.vertex} is no file", code="no_file")
        data, is_whole = await _first_bytes(space.read_blob(blob), params.limit)
        return file_results.FileHead(data=b64encode(data).decode(), is_whole=is_whole)

    async def _blob(self, space: OpenSpace, params: messages.FileGetParams) -> BlobReference:
        for tree_id in await _tree_ids(space, params.tree):
            view = FilesView(await space.tree(tree_id))
            entry = view.find(params.path)
            if entry is not None and entry.blob is not None:
                return entry.blob
        raise _no_file(params.path)

    async def _files_tree(self, space: OpenSpace, reference: str | None) -> str:
        """The tree named, else the first files tree, made when there is none."""
        if reference is not None:
            return await find_tree(space, reference)
        for tree_id, found in (await space.tree_facts()).items():
            if found.app_id == FILES_APP:
                return tree_id
        made = await space.app_trees.create(
            FILES_APP, lambda tree: FilesView(tree).make_folders([]), "Files"
        )
        return made.tree_id


async def _facts(space: OpenSpace, reference: str | None) -> dict[str, TreeFacts]:
    """Returns the trees that files may be in."""
    if reference is not None:
        return await space.tree_facts(await find_tree(space, reference))
    facts = await space.tree_facts()
    return {tree_id: found for tree_id, found in facts.items() if tree_id != space.space_id}


async def _tree_ids(space: OpenSpace, reference: str | None) -> list[str]:
    """Returns the trees that have files."""
    return [tree_id for tree_id, found in (await _facts(space, reference)).items() if found.files]


def _no_file(path: str) -> NotFoundError:
    return NotFoundError(
        f"no file {path!a:.200} in this space",
        code="no_file",
        hint="see the files with: sila-daemon file list SPACE",
    )


def _below(view: FilesView, folder: str | None = None) -> Iterator[tuple[str, FileEntry]]:
    """Yields folders and files with their paths; a stack: they may nest deeply."""
    stack = [("", entry) for entry in reversed(view.entries(folder))]
    while stack:
        above, entry = stack.pop()
        path = above + entry.name
        if entry.is_folder:
            below = reversed(view.entries(entry.vertex_id))
            stack.extend((f"{path}/", child) for child in below)
        yield path, entry


async def _first_bytes(chunks: AsyncGenerator[bytes, None], limit: int) -> tuple[bytes, bool]:
    """Reads no further than needed; tells whether that was all."""
    data = bytearray()
    async with aclosing(chunks):
        async for chunk in chunks:
            data += chunk
            if len(data) > limit:
                return bytes(data[:limit]), False
    return bytes(data), True


async def _shown(
    space: OpenSpace, tree_id: str, path: str, entry: FileEntry, away: frozenset[str]
) -> file_results.FileEntry:
    blob = entry.blob
    is_static = blob is not None and blob.kind is BlobKind.STATIC
    return file_results.FileEntry(
        tree=tree_id,
        vertex=entry.vertex_id,
        path=path,
        mime_type=entry.mime_type or None,
        size=entry.size,
        hash=blob.name if blob and is_static else None,
        id=blob.name if blob and not is_static else None,
        here=await space.file_fetches.is_here(blob) if blob else None,
        away=is_static and blob is not None and blob.name in away,
    )


def _names(path: str) -> list[str]:
    names = [name for name in path.split("/") if name]
    if not names:
        raise UsageError("the path of a file names at least the file")
    if "." in names or ".." in names:
        # Harmless in a space, but not where somebody writes the file out under its path.
        raise UsageError("the path of a file has no . or .. in it")
    return names


def _absolute(path: str) -> Path:
    found = Path(path)
    if not found.is_absolute():
        raise UsageError("the daemon needs absolute paths", code="invalid_params")
    return found
