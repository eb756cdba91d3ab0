"""Lists the names in the two trees of blobs; tells what else is in there, and follows no links."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from sila_daemon.core import ids
from sila_daemon.folder.problems import (
    NOT_FOLLOWED,
    Problem,
    not_a_directory,
    printable,
    unreadable,
)
from sila_daemon.ports.disk import Disk, EntryKind, FileStat


class BlobListing:
    """One look through `files`; collects in `problems` what is in the way."""

    def __init__(self, files_dir: Path, disk: Disk, problems: list[Problem]) -> None:
        self._files_dir = files_dir
        self._disk = disk
        self._problems = problems

    def names(
        self,
        place: Path,
        is_name: Callable[[object], bool],
        is_copy: Callable[[str], bool] = lambda _: False,
    ) -> Iterator[str]:
        """Yields the names below a directory whose first two characters are directories.

        What `is_copy` says of stands beside a file with the same bytes, and is passed over.
        """
        for first in self.directories(place):
            yield from self.names_in(place, first, is_name, is_copy)

    def directories(self, place: Path) -> list[str]:
        """Returns the directories of a place; none where a link leads there."""
        return list(self.directory_stats(place))

    def directory_stats(self, place: Path) -> dict[str, FileStat]:
        """Returns what the directories of a place are, by their names."""
        return dict(self._entries(place, EntryKind.DIRECTORY)) if self._is_real(place) else {}

    def names_in(
        self,
        place: Path,
        first: str,
        is_name: Callable[[object], bool],
        is_copy: Callable[[str], bool] = lambda _: False,
    ) -> Iterator[str]:
        """Yields the names in one directory of a place."""
        return iter(self.stats_in(place, first, is_name, is_copy))

    def stats_in(
        self,
        place: Path,
        first: str,
        is_name: Callable[[object], bool],
        is_copy: Callable[[str], bool] = lambda _: False,
    ) -> dict[str, FileStat]:
        """Returns what the files in one directory of a place are, by their names."""
        found = {}
        for rest, stat in self._entries(place / first, EntryKind.FILE):
            if len(first) == 2 and is_name(first + rest):
                found[first + rest] = stat
            elif not rest.startswith(".") and not is_copy(first + rest):
                self._report(place / first / rest, "bad_id", "not the name of a blob")
        return found

    def _is_real(self, place: Path) -> bool:
        """Tells whether neither the place nor what it stands in is a link or a file."""
        for part in reversed((place, *place.parents)):
            problem = not_a_directory(self._disk, self._files_dir / part, self._relative(part))
            if problem is not None:
                if problem not in self._problems:  # Both kinds of blobs stand in one directory.
                    self._problems.append(problem)
                return False
        return True

    def _entries(self, place: Path, kind: EntryKind) -> list[tuple[str, FileStat]]:
        directory = self._files_dir / place
        usual = []
        try:
            if self._disk.stat(directory) is None:
                return []
            entries = self._disk.list_stats(directory)
        except OSError as error:
            self._problems.append(unreadable(self._relative(place), error))
            return []
        for name, stat in entries:
            if stat.kind is kind:
                usual.append((name, stat))
            elif stat.kind is EntryKind.OTHER:
                self._report(place / name, "not_regular", NOT_FOLLOWED)
            elif not name.startswith("."):
                message = f"not a {kind.value}, as is expected here"
                self._report(place / name, "misplaced_file", message)
        return usual

    def _report(self, place: Path, code: str, message: str) -> None:
        self._problems.append(Problem(self._relative(place), None, code, message))

    def _relative(self, place: Path) -> str:
        # As below a space's root: <root>/space-v1/files.
        parent = self._files_dir.parent.name
        return printable((Path(parent, self._files_dir.name) / place).as_posix())


def is_conflict_copy(name: str) -> bool:
    """Tells whether a carrier put a file beside an immutable one: that is what its name says."""
    return ids.is_hash(name[:64]) and name[64:65] in (" ", ".", "(")
