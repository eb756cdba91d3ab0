"""Op files read in bundles: what is small together, what is large part by part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.op_codec import LINE_BYTES_MAX
from sila_daemon.folder import op_reader
from sila_daemon.folder.op_batch import Appended
from sila_daemon.folder.space_folder import SpaceFolder, create_space_folder
from sila_daemon.mirror import op_file_scan
from sila_daemon.mirror.op_file_scan import BUNDLE_PARTS_MAX, Bundle, after_append
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.randomness import SystemRandomness
from sila_daemon.store.schema import FOLDER

if TYPE_CHECKING:
    from sila_daemon.store.positions import Position

SPACE = "3f6d2a1be8c94f0c9c6d0a3e5b7f1122"
TREE = "66311b5732f44edab7e16ff76fa16666"
LINES = 5


@pytest.fixture
def folder(tmp_path: Path) -> SpaceFolder:
    return create_space_folder(tmp_path / "space", SystemDisk(), SystemRandomness(), SPACE)


def write(folder: SpaceFolder, peer: str, lines: int = LINES) -> Path:
    path = folder.layout.root / "space-v1/ops" / TREE[:2] / TREE[2:] / f"2026/11/21/{peer}-m.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ([number + 1, f"{peer}{number}", None] for number in range(lines))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def bundles(folder: SpaceFolder, left: Path | None = None) -> list[Bundle]:
    readings = op_file_scan.look(folder, folder.scan().files, {}).readings
    return list(op_file_scan.read_all(folder, readings, lambda path: path == left))


def paths(bundle: Bundle) -> list[str]:
    return [part.progress.position.path for part in bundle.parts if part.progress is not None]


def test_small_files_come_together_and_never_too_many(folder: SpaceFolder) -> None:
    count = BUNDLE_PARTS_MAX + 3
    for number in range(count):
        write(folder, f"peer{number:04}")
    found = bundles(folder)
    assert [len(bundle.parts) for bundle in found] == [BUNDLE_PARTS_MAX, 3]
    assert sum(len(part.ops) for bundle in found for part in bundle.parts) == count * LINES


def test_parts_of_one_file_are_never_stored_side_by_side(
    folder: SpaceFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(op_reader, "CHUNK_BYTES", 64)
    assert LINE_BYTES_MAX > 64
    for peer in ("peera", "peerb", "peerc"):
        write(folder, peer, 8)
    found = bundles(folder)
    assert len(found) > 3
    for bundle in found:
        assert len(set(paths(bundle))) == len(paths(bundle))
    offsets: dict[str, int] = {}
    for bundle in found:
        for part in bundle.parts:
            assert part.progress is not None
            position = part.progress.position
            assert position.offset > offsets.get(position.path, 0)
            offsets[position.path] = position.offset
    assert len(offsets) == 3


def test_a_file_that_cannot_be_read_holds_up_no_other(
    folder: SpaceFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for peer in ("peera", "peerb", "peerc"):
        write(folder, peer)
    open_read = SystemDisk.open_read

    def refuse(disk: SystemDisk, path: Path) -> object:
        if path.name.startswith("peerb"):
            raise PermissionError(13, "permission denied", str(path))
        return open_read(disk, path)

    monkeypatch.setattr(SystemDisk, "open_read", refuse)
    (bundle,) = bundles(folder)
    assert [Path(path).name for path in paths(bundle)] == ["peera-m.jsonl", "peerc-m.jsonl"]
    assert [(Path(known.path).name, known.code) for known in bundle.problems] == [
        ("peerb-m.jsonl", "unreadable")
    ]


def test_what_was_left_by_a_failed_write_is_not_credited(folder: SpaceFolder) -> None:
    left = write(folder, "peera")
    write(folder, "peerb")
    (bundle,) = bundles(folder, left)
    assert [part.source for part in bundle.parts] == [None, FOLDER]


@pytest.mark.parametrize("end", ["\n", ""])
def test_a_file_that_was_stored_in_part_is_read_on(
    folder: SpaceFolder, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    # The process ended after the first part, or the store had no room for the second one.
    monkeypatch.setattr(op_reader, "CHUNK_BYTES", 64)
    path = write(folder, "peer", 8)
    path.write_text(path.read_text().rstrip("\n") + end)
    whole = [op for bundle in bundles(folder) for part in bundle.parts for _, op in part.ops]
    assert len(whole) == 8
    positions: dict[str, Position] = {}
    read: list[object] = []
    for _ in range(20):
        readings = op_file_scan.look(folder, folder.scan().files, positions).readings
        if not readings:
            break
        part = next(iter(op_file_scan.read_all(folder, readings, lambda _: False))).parts[0]
        assert part.progress is not None
        positions[part.progress.position.path] = part.progress.position
        read += [op for _, op in part.ops]
    assert read == whole


def test_a_file_that_lost_lines_stays_so_when_others_of_their_length_are_appended(
    folder: SpaceFolder,
) -> None:
    disk, layout = SystemDisk(), folder.layout
    path = write(folder, "peer", 3)
    lines = path.read_bytes().splitlines(keepends=True)
    size = path.stat().st_size
    [part] = bundles(folder)[0].parts
    assert part.progress is not None
    known = part.progress.position
    assert known.offset == size

    path.write_bytes(b"".join(lines[:2]))  # An older copy; nobody has looked since.
    start = path.stat().st_size
    path.write_bytes(b"".join([*lines[:2], lines[2].replace(b"peer2", b"peer7")]))
    marked = after_append(disk, layout, Appended(path, start, size, 1), known)
    assert op_file_scan.look(folder, folder.scan().files, {marked.path: marked}).lost

    path.write_bytes(path.read_bytes() + lines[0])
    again = after_append(disk, layout, Appended(path, size, size + len(lines[0]), 1), marked)
    assert op_file_scan.look(folder, folder.scan().files, {again.path: again}).lost

    # The same with an older copy as long as what is known.
    unseen = after_append(disk, layout, Appended(path, size, size + len(lines[0]), 1), known)
    assert op_file_scan.look(folder, folder.scan().files, {unseen.path: unseen}).lost
