"""Edits of files and folders as steps that can be undone; wrong ones are refused with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core.errors import UsageError
from sila_tui.tree_edits import Edit, TreeEdit
from sila_tui.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sila_tui.file_rows import FileRow
    from sila_tui.files import FolderEntry, SpaceFiles


def checked_name(known: SpaceFiles, folder: FolderEntry, name: str) -> str:
    """A name that is free in a folder. Raises UsageError."""
    if "/" in name or name in (".", ".."):
        raise UsageError(f"{name} is no name", hint="a name has no / in it; x and p move things")
    if name in known.names_in(folder):
        raise UsageError(f"{name} is there already", hint="take another name")
    return name


def new_folder(known: SpaceFiles, folder: FolderEntry, name: str) -> TreeEdit:
    """A folder in another one."""
    named = {"_n": checked_name(known, folder, name), "name": name}
    edit = {"do": "new", "parent": folder.vertex, "properties": named}
    return TreeEdit(f"made the folder {name}", (edit,), (), folder.tree)


def rename(known: SpaceFiles, row: FileRow, properties: Mapping[str, Any], name: str) -> TreeEdit:
    """Another name for a file or folder; `properties` are those that its vertex has."""
    checked_name(known, known.above(row), name)
    keys = [key for key in ("name", "_n") if key == "name" or properties.get(key) == row.title]
    edits: list[Edit] = []
    undo: list[Edit] = []
    for key in keys:
        edits.append({"do": "set", "vertex": row.vertex, "key": key, "value": name})
        before: Edit = {"do": "unset", "vertex": row.vertex, "key": key}
        if key in properties:
            before = {"do": "set", "vertex": row.vertex, "key": key, "value": properties[key]}
        undo.append(before)
    title = f"renamed {row.title} to {name}"
    return TreeEdit(title, tuple(edits), tuple(undo), row.folder.tree)


def move(known: SpaceFiles, rows: Sequence[FileRow], folder: FolderEntry) -> TreeEdit:
    """Files and folders into another folder of their tree."""
    for row in rows:
        if row.folder.tree != folder.tree:
            raise UsageError(
                f"{row.title} cannot leave its tree", hint="save a copy with w and add it there"
            )
        if row.file is None and f"{folder.path}/".startswith(f"{row.folder.path}/"):
            raise UsageError(f"{row.title} cannot be moved into itself")
        checked_name(known, folder, row.title)
    edits = tuple({"do": "move", "vertex": row.vertex, "parent": folder.vertex} for row in rows)
    undo = tuple(
        {"do": "move", "vertex": row.vertex, "parent": known.above(row).vertex} for row in rows
    )
    title = f"moved {_named(rows)} to {folder.name or 'the top'}"
    return TreeEdit(title, edits, undo, folder.tree)


def delete(rows: Sequence[FileRow]) -> TreeEdit:
    """Files and folders of one tree into the trash."""
    trees = {row.folder.tree for row in rows}
    if len(trees) > 1:
        raise UsageError("these are of several trees", hint="delete those of one tree at a time")
    edits, undo = (
        tuple({"do": do, "vertex": row.vertex} for row in rows) for do in ("delete", "restore")
    )
    return TreeEdit(f"deleted {_named(rows)}", edits, undo, trees.pop())


def _named(rows: Sequence[FileRow]) -> str:
    return rows[0].title if len(rows) == 1 else counted(len(rows), "thing")
