"""What a path that was begun may become, among the files and folders of this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice
from unicodedata import category

ENTRIES_MAX = 10_000
"""Entries of a folder that are read; one that holds more is listed as far, and not completed."""
SHOWN_MAX = 200
"""Candidates that are given by name; more letters make them fewer."""


@dataclass(frozen=True)
class Completion:
    """What a path becomes, and what it may still become."""

    line: str
    """The path up to where the candidates part; as it was typed where nothing can be added."""
    names: tuple[str, ...] = ()
    """Candidates by name, folders with `/` at the end; none where only one thing is meant."""
    note: str = ""
    """What else there is to know: how many are left out, or why there are none."""


def complete(text: str, *, only_folders: bool = False) -> Completion:
    """Looks a path up as a shell does; blocks while the folder is read.

    What has a dot in front is left out unless a dot was typed, and so is a name that no line can
    hold, such as one with a line break in it.
    """
    try:
        return _completed(text, only_folders=only_folders)
    except ValueError:
        return Completion(text)  # A character that no path can have.


def _completed(text: str, *, only_folders: bool) -> Completion:
    if text.startswith("~") and "/" not in text:
        return Completion(f"{text}/" if os.path.isdir(os.path.expanduser(text)) else text)
    above, slash, begun = text.rpartition("/")
    if begun == ".." and os.path.isdir(os.path.expanduser(text)):
        return Completion(f"{text}/")
    place = os.path.expanduser(above + slash) or os.curdir
    try:
        found, is_all = _beginning_with(place, begun, only_folders)
    except FileNotFoundError:
        return Completion(text)
    except OSError as exc:
        reason = exc.strerror or type(exc).__name__
        return Completion(text, note=f"{above or place} cannot be read: {reason}")
    notes = [] if is_all else [f"only the first {ENTRIES_MAX:,} entries were looked at"]
    common = _common(found) if is_all and found else begun
    if is_all and len(found) < 2:
        return Completion(above + slash + common)
    if len(found) > SHOWN_MAX:
        notes.insert(0, f"and {len(found) - SHOWN_MAX:,} more")
    return Completion(above + slash + common, tuple(found[:SHOWN_MAX]), "; ".join(notes))


def _common(names: list[str]) -> str:
    """What all of them begin with: what the first and the last in order do."""
    first, last = min(names), max(names)
    same = (at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return first[: next(same, len(first))]


def _beginning_with(place: str, begun: str, only_folders: bool) -> tuple[list[str], bool]:
    """The names that begin so, in order, and whether everything was looked at. Raises OSError."""
    found = []
    with os.scandir(place) as entries:
        for entry in islice(entries, ENTRIES_MAX):
            name = entry.name
            if not name.startswith(begun) or (name.startswith(".") and not begun):
                continue
            is_folder = _is_folder(entry)
            if (is_folder or not only_folders) and all(map(_fits_a_line, name)):
                found.append(f"{name}/" if is_folder else name)
        is_all = next(entries, None) is None
    return sorted(found, key=lambda name: (name.casefold(), name)), is_all


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # A link in a circle, or to where nobody may look.


def _fits_a_line(char: str) -> bool:
    return category(char) not in ("Cc", "Cs", "Zl", "Zp")
