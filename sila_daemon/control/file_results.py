"""The answers about files."""

from __future__ import annotations

from sila_daemon.control.results import Result


class FileEntry(Result):
    """One file that a tree of the space refers to."""

    tree: str
    vertex: str
    path: str
    mime_type: str | None
    size: int | None
    hash: str | None
    id: str | None
    here: bool | None
    """Whether its bytes are on this machine; None where nothing is known of them."""
    away: bool
    """Whether they are left on a server by the fetch policy of the space."""


class FolderEntry(Result):
    """A folder of files; `path` is empty for the one that holds all others of its tree."""

    tree: str
    vertex: str
    path: str


class Files(Result):
    """Files and folders by tree and path."""

    files: list[FileEntry]
    folders: list[FolderEntry]


class FilesFetched(Result):
    """How many files were brought to this machine, and bytes."""

    files: int
    bytes: int


class FileHead(Result):
    """The first bytes of a file as base64, and whether they are all that it has."""

    data: str
    is_whole: bool


class FileStored(Result):
    """The file as it is kept now."""

    tree: str
    vertex: str
    path: str
    hash: str
    size: int


class FileWritten(Result):
    """The local file that was written."""

    target: str
    size: int


class FileConflict(Result):
    """A content of a mutable file that was put beside a newer one."""

    id: str
    path: str | None
    """Where the file stands; None when nothing refers to it."""
    hash: str
    """Names the immutable file that keeps the content."""
    size: int
    server: str
    """Where the newer content came from."""
    at: int


class FileConflicts(Result):
    """Everything that waits for a choice, the oldest first."""

    conflicts: list[FileConflict]
