"""One space folder: opened, looked through, or made. Looking changes nothing on disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sila_daemon.core import ids
from sila_daemon.core.errors import FormatError, NotFoundError, ProtectionError
from sila_daemon.folder.layout import (
    EVICTED_SUFFIX,
    OPS_SUFFIX,
    VERSION_DIR,
    OpFile,
    SpaceLayout,
    checked_tree_dirs,
    is_day,
    parse_op_name,
)
from sila_daemon.folder.problems import (
    NOT_FOLLOWED,
    Problem,
    not_a_directory,
    printable,
    storage_errors,
    unreadable,
)
from sila_daemon.ports.disk import DirEntry, Disk, EntryKind, make_dirs, read_file
from sila_daemon.ports.durable_files import remove_temporaries, write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sila_daemon.ports.randomness import Randomness

_SPACE_JSON_BYTES_MAX = 64 << 10
_DAY_DEPTH = 3

MARKER_TEXT = """\
# A Sila space

This folder holds a Sila space: conversations, files and settings that belong together.
The data is in `space-v1`. Programs rely on every name in there, so please leave it as it is:
do not rename, edit or remove anything inside. You may move or copy the folder as a whole.
"""


@dataclass(slots=True)
class FolderScan:
    """What the op logs of a space consist of at one moment."""

    files: list[OpFile] = field(default_factory=list)
    """By tree, then by path."""
    problems: list[Problem] = field(default_factory=list)

    def by_tree(self) -> dict[str, list[OpFile]]:
        """Groups the files by tree id, sorted."""
        trees: dict[str, list[OpFile]] = {}
        for file in self.files:
            trees.setdefault(file.tree_id, []).append(file)
        return dict(sorted(trees.items()))


class SpaceFolder:
    """An existing space folder; holds nothing open."""

    def __init__(
        self, layout: SpaceLayout, disk: Disk, space_id: str | None, problems: list[Problem]
    ) -> None:
        self.layout = layout
        self.disk = disk
        self.space_id = space_id
        """None when space.json does not tell; `problems` then says why."""
        self.problems = problems
        """What opening found; a scan has its own."""

    @classmethod
    def open(cls, root: Path, disk: Disk) -> SpaceFolder:
        """Opens the space at `root`. Raises NotFoundError when there is none, StorageError."""
        return cls.open_at(SpaceLayout(root), disk)

    @classmethod
    def open_at(cls, layout: SpaceLayout, disk: Disk) -> SpaceFolder:
        """Does the same as `open` with paths that were made before."""
        root = layout.root
        with storage_errors(f"look into {root}"):
            if not _is(disk, root, EntryKind.DIRECTORY):
                raise NotFoundError(
                    f"there is no folder {root}",
                    hint="Check the path; an unmounted disk or share looks like this too.",
                )
            if not _is(disk, layout.version_dir, EntryKind.DIRECTORY):
                raise NotFoundError(
                    f"{root} is not a Sila space: it has no folder {VERSION_DIR}",
                    hint="Name the folder that holds sila.md, or make a space: "
                    "sila-daemon space create PATH --name NAME",
                )
            problems = _marker_problems(layout, disk)
        space_id = None
        try:
            space_id = _read_space_id(layout, disk)
        except FormatError as error:
            path = layout.relative(layout.space_json)
            problems.append(Problem(path, None, error.code, error.message))
        return cls(layout, disk, space_id, problems)

    def scan(self) -> FolderScan:
        """Lists every op file; what is in the way is told and passed over."""
        return _Scanner(self.layout, self.disk).run()

    def scan_below(self, directories: Iterable[Path]) -> FolderScan | None:
        """Lists the op files below directories inside ops/; None when one is something else."""
        return _Scanner(self.layout, self.disk).run_below(directories)

    def path_of(self, file: OpFile) -> Path:
        """Returns where an op file is."""
        return self.layout.path_of(file.relative)


def create_space_folder(
    root: Path, disk: Disk, randomness: Randomness, space_id: str
) -> SpaceFolder:
    """Makes the directories, `space.json` and `sila.md` of a space that has no ops yet.

    Raises InvalidIdError, ProtectionError when something is there that could be a space, and
    StorageError. An interrupted creation can be repeated with any id.
    """
    ids.checked_space_id(space_id)
    layout = SpaceLayout(root)
    with storage_errors(f"create a space in {root}"):
        _require_vacant(layout, disk)
        for directory in (
            layout.ops_dir,
            layout.files_dir / "static" / "sha256",
            layout.files_dir / "var" / "uuid",
        ):
            make_dirs(disk, directory)
        if not _is(disk, layout.legacy_marker, EntryKind.FILE):
            write_atomic(disk, layout.marker, MARKER_TEXT.encode(), randomness)
        identity = msgspec.json.encode({"id": space_id})
        write_atomic(disk, layout.space_json, identity, randomness)
    return SpaceFolder(layout, disk, space_id, [])


def remove_leftovers(layout: SpaceLayout, disk: Disk, before_ns: int) -> None:
    """Removes what a crash left half-written beside the space's own files. Raises StorageError.

    Nothing is touched that was last written at or after a moment (Unix ns).
    """
    with storage_errors("remove leftover temporary files"):
        for directory in (layout.root, layout.version_dir):
            remove_temporaries(disk, directory, before_ns)


def _require_vacant(layout: SpaceLayout, disk: Disk) -> None:
    found = disk.stat(layout.root)
    if found is None:
        return
    if found.kind is not EntryKind.DIRECTORY:
        raise ProtectionError(
            f"{layout.root} exists and is not a folder", code="exists", hint="Choose another path."
        )
    if disk.stat(layout.space_json) is not None or (
        disk.stat(layout.ops_dir) is not None and disk.list_dir(layout.ops_dir)
    ):
        raise ProtectionError(
            f"there is a space in {layout.root} already",
            code="exists",
            hint="Choose another path, or look after this one: sila-daemon space add PATH",
        )
    known = {VERSION_DIR, layout.marker.name, layout.legacy_marker.name}
    others = [
        entry.name
        for entry in disk.list_dir(layout.root)
        if entry.name not in known and not entry.name.startswith(".")
    ]
    if others:
        raise ProtectionError(
            f"{layout.root} is not empty: it has {ids.shortened(others[0])}",
            code="not_empty",
            hint="Choose a path that does not exist yet, or an empty folder.",
        )


def _is(disk: Disk, path: Path, kind: EntryKind) -> bool:
    found = disk.stat(path)
    return found is not None and found.kind is kind


def _marker_problems(layout: SpaceLayout, disk: Disk) -> list[Problem]:
    if any(_is(disk, path, EntryKind.FILE) for path in (layout.marker, layout.legacy_marker)):
        return []
    message = "the file that marks a space is missing: the folder may be incomplete"
    return [Problem(layout.marker.name, None, "missing_marker", message)]


def _read_space_id(layout: SpaceLayout, disk: Disk) -> str:
    """Reads space.json. Raises FormatError."""
    try:
        if disk.stat(layout.space_json) is None:
            raise FormatError("there is no space.json", code="missing_space_json")
        data = read_file(disk, layout.space_json, _SPACE_JSON_BYTES_MAX)
    except OSError as error:
        reason = error.strerror or error
        raise FormatError(f"cannot be read: {reason}", code="unreadable") from None
    try:
        content = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FormatError("space.json is not JSON", code="bad_space_json") from None
    if not isinstance(content, dict) or "id" not in content:
        raise FormatError("space.json names no id", code="bad_space_json")
    return ids.checked_space_id(content["id"])


class _Scanner:
    """Walks ops/<2>/<rest>/<YYYY>/<MM>/<DD>/, links not followed."""

    def __init__(self, layout: SpaceLayout, disk: Disk) -> None:
        self._layout = layout
        self._disk = disk
        self._found = FolderScan()

    def run(self) -> FolderScan:
        ops_dir = self._layout.ops_dir
        relative = self._layout.relative(ops_dir)
        problem = not_a_directory(self._disk, ops_dir, relative)
        if problem is not None:
            self._found.problems.append(problem)
            return self._found
        for first in self._directories(ops_dir, relative):
            at_first = f"{relative}/{first}"
            for rest in self._directories(ops_dir / first, at_first):
                self._scan_tree(ops_dir / first / rest, f"{at_first}/{rest}", first, rest)
        return self._found

    def run_below(self, directories: Iterable[Path]) -> FolderScan | None:
        for directory in sorted(directories):
            if not self._is_inside_ops(directory):
                return None
            relative = self._layout.relative(directory)
            first, *others = relative.split("/")[2:]
            if others:
                self._scan_tree(directory, relative, first, others[0], others[1:])
                continue
            for rest in self._directories(directory, relative):
                self._scan_tree(directory / rest, f"{relative}/{rest}", first, rest)
        return self._found

    def _is_inside_ops(self, directory: Path) -> bool:
        ops_dir = self._layout.ops_dir
        if ops_dir not in directory.parents:
            return False
        try:
            while directory != ops_dir:
                if not _is(self._disk, directory, EntryKind.DIRECTORY):
                    return False
                directory = directory.parent
            return _is(self._disk, ops_dir, EntryKind.DIRECTORY)
        except OSError:
            return False

    def _scan_tree(
        self, directory: Path, relative: str, first: str, rest: str, date: Sequence[str] = ()
    ) -> None:
        """Looks through what a tree's directory holds, or its part of a year, month or day."""
        try:
            tree_id = checked_tree_dirs(first, rest)
        except FormatError as error:
            self._report(relative, error.code, error.message)
            return
        self._scan_days(directory, relative, tree_id, "".join(f"/{name}" for name in date))

    def _scan_days(self, directory: Path, relative: str, tree_id: str, day: str) -> None:
        if day.count("/") == _DAY_DEPTH:
            self._scan_day(directory, relative, tree_id, day[1:])
            return
        for name in self._directories(directory, relative):
            self._scan_days(directory / name, f"{relative}/{name}", tree_id, f"{day}/{name}")

    def _scan_day(self, directory: Path, relative: str, tree_id: str, day: str) -> None:
        if not is_day(day):
            self._report(relative, "misplaced_file", "not a day: year, month and day are expected")
            return
        entries = self._entries(directory, relative)
        names = {entry.name for entry in entries}
        for entry in entries:
            where = f"{relative}/{entry.name}"
            if entry.kind is EntryKind.DIRECTORY:
                self._report(where, "misplaced_file", "a folder where op files belong")
            elif entry.name.endswith(EVICTED_SUFFIX) and entry.name.startswith("."):
                # Beside the file that it stands in for it is left from before, as in a backup.
                if entry.name[1:].removesuffix(EVICTED_SUFFIX) not in names:
                    self._report(
                        where, "not_downloaded", "a cloud tool has not brought this file yet"
                    )
            elif entry.name.endswith(OPS_SUFFIX):
                try:
                    self._found.files.append(parse_op_name(where, tree_id, entry.name))
                except FormatError as error:
                    self._report(where, error.code, error.message)

    def _directories(self, directory: Path, relative: str) -> list[str]:
        names = []
        for entry in self._entries(directory, relative):
            if entry.kind is EntryKind.DIRECTORY:
                names.append(entry.name)
            elif entry.name.endswith(OPS_SUFFIX):
                where = f"{relative}/{entry.name}"
                self._report(where, "misplaced_file", "an op file where only folders belong")
        return names

    def _entries(self, directory: Path, relative: str) -> list[DirEntry]:
        """Lists files and directories; anything else is told and left out."""
        try:
            entries = self._disk.list_dir(directory)
        except OSError as error:
            self._found.problems.append(unreadable(printable(relative), error))
            return []
        usable = []
        for entry in entries:
            if entry.kind is EntryKind.OTHER:
                self._report(f"{relative}/{entry.name}", "not_regular", NOT_FOLLOWED)
            else:
                usable.append(entry)
        return usable

    def _report(self, relative: str, code: str, message: str) -> None:
        self._found.problems.append(Problem(printable(relative), None, code, message))
