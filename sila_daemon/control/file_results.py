"""The answers about files that wait for a choice."""

from __future__ import annotations

from sila_daemon.control.results import Result


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
