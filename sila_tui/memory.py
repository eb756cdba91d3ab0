"""What the screen remembers from one sitting to the next: drafts, what was read, how it looks.

Kept in one small file of this user. Several screens can be open at once: each writes only what it
changed itself, over what the file says at that moment.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING

from sila_daemon.core.errors import StorageError
from sila_daemon.paths import make_private_dir

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE_BYTES_MAX = 8 << 20
"""A larger file is not ours, and is not read."""
ENTRIES_MAX = {"drafts": 200, "seen": 20_000, "look": 50, "commands": 100,
               "views": 100, "parts": 300}  # fmt: skip
"""How many entries of each section are kept; the oldest ones go first."""

Sections = dict[str, dict[str, str | int]]


class Memory:
    """Entries by section and key. Without a file it forgets everything at the end."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._changes: dict[tuple[str, str], str | int | None] = {}
        self._sections: Sections = _read(path) if path is not None else {}
        self._saving = Lock()
        self.on_change: Callable[[], None] = lambda: None

    def text(self, section: str, key: str) -> str:
        """What is remembered as text; empty when nothing is."""
        found = self._sections.get(section, {}).get(key)
        return found if isinstance(found, str) else ""

    def number(self, section: str, key: str) -> int | None:
        """What is remembered as a number, if anything is."""
        found = self._sections.get(section, {}).get(key)
        return found if isinstance(found, int) else None

    def keys(self, section: str) -> list[str]:
        """What is remembered in a section, the newest last."""
        return list(self._sections.get(section, {}))

    def put(self, section: str, key: str, value: str | int | None) -> None:
        """Remembers something from now on; None forgets it."""
        if self._sections.get(section, {}).get(key) == value:
            return
        _apply(self._sections, section, key, value)
        self._changes[section, key] = value
        self.on_change()

    def save(self) -> None:
        """Writes what changed, whole or not at all. Raises StorageError, and tries again later.

        Waits for the disk: not to be called where a screen is drawn.
        """
        with self._saving:
            self._save()

    def _save(self) -> None:
        changes, self._changes = self._changes, {}
        if self._path is None or not changes:
            return
        try:
            sections = _read(self._path)
            for (section, key), value in changes.items():
                _apply(sections, section, key, value)
            _write(self._path, sections)
        except (OSError, StorageError) as error:
            self._changes = {**changes, **self._changes}
            said = error.message if isinstance(error, StorageError) else error.strerror
            raise StorageError(
                f"drafts cannot be kept in {self._path}: {said}",
                hint="they last as long as this screen is open",
            ) from error


def _apply(sections: Sections, section: str, key: str, value: str | int | None) -> None:
    entries = sections.setdefault(section, {})
    # The newest entry is the last one.
    entries.pop(key, None)
    if value is not None:
        entries[key] = value
    for oldest in list(entries)[: max(0, len(entries) - ENTRIES_MAX.get(section, 0))]:
        del entries[oldest]


def _read(path: Path) -> Sections:
    """What the file says; nothing when it is not there, torn, or not ours."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
        known = json.loads(data) if len(data) <= FILE_BYTES_MAX else {}
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {
        section: {
            key: value
            for key, value in entries.items()
            if isinstance(value, str | int) and not isinstance(value, bool)
        }
        for section, entries in known.items()
        if section in ENTRIES_MAX and isinstance(entries, dict)
    }


def _write(path: Path, sections: Sections) -> None:
    make_private_dir(path.parent)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    opened = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(opened, "w", encoding="utf-8", errors="surrogatepass") as file:
            json.dump(sections, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
