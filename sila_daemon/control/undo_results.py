"""What `edit.undo` answers."""

from __future__ import annotations

from sila_daemon.control.results import Result


class UndoneChange(Result):
    """One thing that an edit had done: `made`, `deleted`, `restored`, `moved` or `set`."""

    what: str
    vertex: str
    name: str | None
    key: str | None


class Undone(Result):
    """The edit that was taken back; `more` of what it did is not listed."""

    tree: str
    at: int
    """When it was made."""
    changes: list[UndoneChange]
    more: int
    left: int
    """How many edits can be taken back yet."""
