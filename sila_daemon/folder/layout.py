"""Every path of a space folder, made and parsed; no input or output here.

Source: the sections "Folder", "Ids in paths" and "What we write into a folder" of the space
format. Each id is checked before it becomes part of a path.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from sila_daemon.core import ids
from sila_daemon.core.errors import FormatError
from sila_daemon.core.op_codec import LineKind

MARKER = "sila.md"
LEGACY_MARKER = "supa.md"
VERSION_DIR = "space-v1"
OPS_SUFFIX = ".jsonl"
EVICTED_SUFFIX = ".icloud"

# `<author>.<writer>.jsonl` is looked for first: an author whose id ends with "-m" would else look
# like the conflict copy of another peer's file.
_WRITTEN_BY_US = re.compile(r"([A-Za-z0-9_-]+)\.([0-9a-f]{16})(-0)?\.jsonl\Z")
_MOVES_OR_PROPERTIES = re.compile(r"([A-Za-z0-9_-]+)-([mp])(?:[ .(].*)?\.jsonl\Z")
_TYPED = re.compile(r"([A-Za-z0-9_-]+)(?: \d+| ?\(.*\)|\..*)?\.jsonl\Z")
_DAY = re.compile(r"\d{4}/\d\d/\d\d\Z")
_PATHS_KEPT_MAX = 1000
_WRITER = re.compile(r"[0-9a-f]{16}\Z")


@dataclass(frozen=True, slots=True)
class OpFile:
    """An op file as its path describes it."""

    relative: str
    """The path below the space's root, parted by `/`."""
    tree_id: str
    peer: str
    """The author of every op in the file."""
    kind: LineKind
    is_conflict_copy: bool = False
    """Left beside another file by a cloud tool; the original app does not read it."""
    writer: str | None = None
    """Set when a process of ours wrote the file for another author."""


class SpaceLayout:
    """The paths of the space folder at `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._paths: dict[str, Path] = {}
        self._root_and_slash = root.as_posix().rstrip("/") + "/"
        self.marker = root / MARKER
        """The file that tells people and programs what this folder is."""
        self.legacy_marker = root / LEGACY_MARKER
        """The marker of older spaces."""
        self.version_dir = root / VERSION_DIR
        """Everything but the marker is in here."""
        self.space_json = self.version_dir / "space.json"
        """The file that holds the space's id."""
        self.secrets = self.version_dir / "secrets"
        """The sealed secrets; absent while there are none."""
        self.ops_dir = self.version_dir / "ops"
        """The op logs of all trees."""
        self.files_dir = self.version_dir / "files"
        """The blobs, immutable and mutable."""

    def tree_dir(self, tree_id: str) -> Path:
        """Returns the directory of a tree's ops. Raises InvalidIdError."""
        ids.checked_tree_id(tree_id)
        return self.ops_dir / tree_id[:2] / tree_id[2:]

    def day_dir(self, tree_id: str, day: date) -> Path:
        """Returns the directory of what is written on one UTC day. Raises InvalidIdError."""
        ids.checked_tree_id(tree_id)
        return self.path_of(f"{VERSION_DIR}/ops/{tree_id[:2]}/{tree_id[2:]}/{day:%Y/%m/%d}")

    def moves_file(self, tree_id: str, day: date, peer: str) -> Path:
        """Returns where a peer itself writes its moves. Raises InvalidIdError."""
        return self.day_dir(tree_id, day) / f"{ids.checked_peer_id(peer)}-m.jsonl"

    def properties_file(self, tree_id: str, day: date, peer: str) -> Path:
        """Returns where a peer itself writes its property ops. Raises InvalidIdError."""
        return self.day_dir(tree_id, day) / f"{ids.checked_peer_id(peer)}-p.jsonl"

    def foreign_file(self, tree_id: str, day: date, author: str, writer: str) -> Path:
        """Returns where `writer` writes ops of another author. Raises InvalidIdError."""
        return self.day_dir(tree_id, day) / f"{_author_and_writer(author, writer)}.jsonl"

    def root_file(self, tree_id: str, day: date, author: str, writer: str) -> Path:
        """Returns where `writer` writes the move that creates a root. Raises InvalidIdError."""
        return self.day_dir(tree_id, day) / f"{_author_and_writer(author, writer)}-0.jsonl"

    def path_of(self, relative: str) -> Path:
        """Returns a path below the root; the same object for some time, as making one is dear."""
        path = self._paths.get(relative)
        if path is None:
            if len(self._paths) >= _PATHS_KEPT_MAX:
                self._paths.clear()
            path = self._paths[relative] = self.root / relative
        return path

    def relative(self, path: Path) -> str:
        """Returns a path below the root, parted by `/`. Raises ValueError for another path."""
        text = path.as_posix()
        if text.startswith(self._root_and_slash):
            return text[len(self._root_and_slash) :]
        return path.relative_to(self.root).as_posix()


def stand_in_of(path: Path) -> Path:
    """Returns what a cloud tool leaves in the place of a file that it has not brought."""
    return path.with_name(f".{path.name}{EVICTED_SUFFIX}")


def utc_day(unix_s: float) -> date:
    """Returns the UTC day of a moment."""
    return datetime.fromtimestamp(unix_s, UTC).date()


def sharded(directory: Path, name: str) -> Path:
    """Returns `directory/na/me`: the first two characters are a directory of their own."""
    return directory / f"{name[:2]}/{name[2:]}"


def parse_op_file(relative: str) -> OpFile:
    """Reads what a path says: `space-v1/ops/<2>/<rest>/<YYYY>/<MM>/<DD>/<name>.jsonl`.

    Raises FormatError (InvalidIdError for an unsafe id) when it is not the path of an op file.
    """
    parts = relative.split("/")
    if len(parts) != 8 or parts[:2] != [VERSION_DIR, "ops"] or not is_day("/".join(parts[4:7])):
        raise FormatError("an op file stands where none belongs", code="misplaced_file")
    return parse_op_name(relative, checked_tree_dirs(parts[2], parts[3]), parts[7])


def checked_tree_dirs(first: str, rest: str) -> str:
    """Returns the tree id that two nested directories name. Raises InvalidIdError."""
    tree_id = ids.checked_tree_id(first + rest)
    if len(first) != 2:
        raise FormatError(f"not two characters: {ids.shortened(first)}", code="misplaced_file")
    return tree_id


def is_day(text: str) -> bool:
    """Tells whether `text` is a day as op files are filed under: `YYYY/MM/DD`."""
    return _DAY.match(text) is not None


def parse_op_name(relative: str, tree_id: str, name: str) -> OpFile:
    """Reads what the name of an op file says. Raises FormatError or InvalidIdError."""
    if found := _WRITTEN_BY_US.match(name):
        peer, writer, _ = found.groups()
        ids.checked_peer_id(peer)
        return OpFile(relative, tree_id, peer, LineKind.TYPED, writer=writer)
    if found := _MOVES_OR_PROPERTIES.match(name):
        peer, letter = found.groups()
        is_copy = name != f"{peer}-{letter}{OPS_SUFFIX}"
        return OpFile(relative, tree_id, ids.checked_peer_id(peer), LineKind(letter), is_copy)
    if found := _TYPED.match(name):
        peer = ids.checked_peer_id(found[1])
        # The original takes what stands before the first dot for the author, whatever follows.
        is_copy = name[len(peer)] != "."
        return OpFile(relative, tree_id, peer, LineKind.TYPED, is_copy)
    raise FormatError(f"the name has no valid peer id: {ids.shortened(name)}", code="bad_id")


def static_path(files_dir: Path, blob_hash: str) -> Path:
    """Returns where the bytes with a SHA-256 are. Raises InvalidIdError."""
    name = ids.checked_hash(blob_hash)
    # At once: a path is made for each file several times, and each part would cost as much.
    return files_dir / f"static/sha256/{name[:2]}/{name[2:]}"


def var_path(files_dir: Path, uuid: str) -> Path:
    """Returns where a mutable file is; dashes are stripped. Raises InvalidIdError."""
    return sharded(files_dir / "var" / "uuid", ids.checked_uuid(uuid))


_BLOB_PLACES = {
    "space-v1/files/static/sha256": ids.checked_hash,
    "space-v1/files/var/uuid": ids.checked_uuid,
}


def parse_blob_file(relative: str) -> tuple[str, str] | None:
    """Returns ("static", hash) or ("var", uuid) for the path of a blob, None for another path.

    Raises InvalidIdError for a path where a blob belongs, under a name that none has.
    """
    directory, _, name = relative.rpartition("/")
    directory, _, first = directory.rpartition("/")
    check = _BLOB_PLACES.get(directory)
    if check is None:
        return None
    blob_id = check(first + name)
    if len(first) != 2 or blob_id != first + name:
        raise FormatError(f"not the name of a blob: {ids.shortened(name)}", code="misplaced_file")
    return directory.split("/")[2], blob_id


def _author_and_writer(author: str, writer: str) -> str:
    assert _WRITER.match(writer), "a writer is 16 hex digits of our own"
    return f"{ids.checked_peer_id(author)}.{writer}"
