"""Tests of packing and unpacking: nothing lost, nothing believed, nothing overwritten."""

from __future__ import annotations

import errno
import io
import itertools
import os
import shutil
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from sila_daemon.core.errors import (
    FormatError,
    NotFoundError,
    ProtectionError,
    SilaError,
    StorageError,
)
from sila_daemon.folder.archive import ArchiveSummary, export_space, import_space, write_archive
from sila_daemon.folder.zip_check import WITHOUT_LIMITS, ImportLimits
from sila_daemon.ports.disk import Disk, SystemDisk
from tests.folder.faulty_disk import FaultyDisk, until_it_completes
from tests.folder.spaces import (
    DAY,
    FIXTURES,
    PEER,
    SPACE,
    SeededRandomness,
    add_blob,
    add_ops,
    fingerprint,
    make_space,
    open_folder,
)
from tests.folder.test_dump import dump

HERE = f"space-v1/ops/{SPACE[:2]}/{SPACE[2:]}/{DAY}"
SPACE_JSON = ("space-v1/space.json", b'{"id":"%b"}' % SPACE.encode())


def unpack(
    source: Path, target: Path, limits: ImportLimits | None = None, disk: Disk | None = None
) -> ArchiveSummary:
    """Imports an archive."""
    real = disk or SystemDisk()
    return import_space(source, target, real, SeededRandomness(), shutil.rmtree, limits=limits)


def zipped(path: Path, *entries: tuple[str, bytes]) -> Path:
    """An archive of a space with further entries."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (SPACE_JSON, *entries):
            archive.writestr(name, content)
    return path


def assert_refused(source: Path, error: type[SilaError], code: str) -> None:
    """Nothing is left behind, neither the space nor a part of it."""
    folder = source.parent
    before = sorted(folder.iterdir())
    with pytest.raises(error) as failed:
        unpack(source, folder / "new")
    assert failed.value.code == code
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.iterdir() if path.is_dir()))
def test_there_and_back(name: str, tmp_path: Path) -> None:
    before = fingerprint(FIXTURES / name)
    packed = export_space(open_folder(FIXTURES / name), tmp_path / "a.zip", SeededRandomness())
    assert fingerprint(FIXTURES / name) == before
    unpacked = unpack(tmp_path / "a.zip", tmp_path / "new")
    assert (unpacked.space_id, unpacked.file_count, unpacked.byte_count) == (
        packed.space_id,
        packed.file_count,
        packed.byte_count,
    )
    for path in (FIXTURES / name).rglob("*"):
        if path.is_file():
            there = tmp_path / "new" / path.relative_to(FIXTURES / name)
            assert there.read_bytes() == path.read_bytes()
    assert dump(tmp_path / "new") == dump(FIXTURES / name)
    for path in [tmp_path / "new", *(tmp_path / "new").rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)


def test_equal_spaces_give_equal_archives(tmp_path: Path) -> None:
    archives: list[bytes] = []
    for name in ("one", "two"):
        root = make_space(tmp_path / name)
        add_blob(root, b"bytes")
        os.utime(root / "sila.md", (len(archives), 0))
        sink = io.BytesIO()
        write_archive(open_folder(root), sink, SeededRandomness())
        archives.append(sink.getvalue())
    assert archives[0] == archives[1]
    assert zipfile.ZipFile(io.BytesIO(archives[0])).testzip() is None


def test_only_files_of_the_format_are_packed(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    (root / "letter.txt").touch()
    (root / HERE / ".DS_Store").touch()
    (root / HERE / "link-m.jsonl").symlink_to("/etc/passwd")
    (root / HERE / "evil\\-m.jsonl").touch()
    add_ops(root, f"{PEER}-m (conflicted copy\t1).jsonl", b"")
    copy = add_ops(root, f"{PEER}-m (conflicted copy é).jsonl", b"")
    summary = export_space(open_folder(root), tmp_path / "a.zip", SeededRandomness())
    names = zipfile.ZipFile(tmp_path / "a.zip").namelist()
    assert names == sorted(names)
    assert f"{HERE}/{copy.name}" in names
    assert summary.file_count == len(names) == 5
    assert sorted(one.code for one in summary.problems) == ["bad_id", "bad_id", "not_regular"]
    unpack(tmp_path / "a.zip", tmp_path / "new")


def test_an_existing_archive_is_replaced_only_when_told(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    target = tmp_path / "a.zip"
    target.write_bytes(b"precious")
    with pytest.raises(ProtectionError):
        export_space(open_folder(root), target, SeededRandomness())
    assert target.read_bytes() == b"precious"
    export_space(open_folder(root), target, SeededRandomness(), replace=True)
    assert zipfile.is_zipfile(target)


@pytest.mark.parametrize("kind", ["space", "file", "link"])
def test_importing_never_overwrites(kind: str, tmp_path: Path) -> None:
    source = zipped(tmp_path / "a.zip")
    target = tmp_path / "new"
    if kind == "space":
        make_space(target)
    elif kind == "file":
        target.write_bytes(b"precious")
    else:
        target.symlink_to(tmp_path)
    before = fingerprint(tmp_path)
    for limits in (None, WITHOUT_LIMITS):
        with pytest.raises(ProtectionError):
            unpack(source, target, limits)
    assert fingerprint(tmp_path) == before


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    assert unpack(zipped(tmp_path / "a.zip"), tmp_path / "new").space_id == SPACE


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "space-v1/../../evil",
        "/etc/evil",
        "space-v1//space.json",
        "./sila.md",
        "space-v1\\..\\..\\evil",
        "C:\\evil",
        "evil\nname",
        "..",
    ],
)
def test_unsafe_names_are_refused(name: str, tmp_path: Path) -> None:
    assert_refused(zipped(tmp_path / "a.zip", (name, b"x")), FormatError, "unsafe_name")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (f"{HERE}/é-m.jsonl", "bad_id"),
        (f"space-v1/ops/a/b/{DAY}/{PEER}-m.jsonl", "bad_id"),
        (f"space-v1/ops/{PEER}-m.jsonl", "misplaced_file"),
        (f"space-v1/files/static/sha256/ab/{'x' * 62}", "bad_id"),
        (f"space-v1/files/static/sha256/AB/{'ab' * 31}", "bad_id"),
        ("space-v1/files/var/uuid/ab/x", "bad_id"),
        (f"space-v1/files/static/sha256/ab/{'ab' * 31}", "corrupt_blob"),
    ],
)
def test_names_that_the_format_does_not_have(name: str, code: str, tmp_path: Path) -> None:
    assert_refused(zipped(tmp_path / "a.zip", (name, b"x")), FormatError, code)


def test_harmless_names_are_passed_over(tmp_path: Path) -> None:
    names = ["__MACOSX/x", "letter.txt", f"{HERE}/.DS_Store", "space-v1/cache/x"]
    source = zipped(tmp_path / "a.zip", *((name, b"x") for name in names), ("space-v1/", b""))
    summary = unpack(source, tmp_path / "new")
    assert [problem.path for problem in summary.problems] == names
    found = [path.name for path in (tmp_path / "new").rglob("*") if path.is_file()]
    assert found == ["space.json"]


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    for number, kind in enumerate((stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR)):
        info = zipfile.ZipInfo("sila.md")
        info.external_attr = (kind | 0o777) << 16
        with zipfile.ZipFile(tmp_path / f"{number}.zip", "w") as archive:
            archive.writestr(*SPACE_JSON)
            archive.writestr(info, "/etc/passwd")
        assert_refused(tmp_path / f"{number}.zip", FormatError, "not_regular")


def test_two_entries_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        zipped(tmp_path / "a.zip", SPACE_JSON)
    assert_refused(tmp_path / "a.zip", FormatError, "bad_archive")


def test_a_name_with_a_nul_is_refused(tmp_path: Path) -> None:
    source = zipped(tmp_path / "a.zip", ("sila.mdX/../../x", b"x"))
    source.write_bytes(source.read_bytes().replace(b"sila.mdX/", b"sila.md\0/"))
    assert_refused(source, FormatError, "unsafe_name")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    source = zipped(tmp_path / "a.zip", ("sila.md", bytes(20 << 20)))
    assert source.stat().st_size < 30_000
    assert_refused(source, ProtectionError, "archive_limits")
    assert unpack(source, tmp_path / "new", WITHOUT_LIMITS).byte_count > 20 << 20


def test_a_bomb_that_lies_about_its_size_is_found(tmp_path: Path) -> None:
    """The size in the table of contents says 10 bytes; the entry goes on for 20 MiB."""
    source = zipped(tmp_path / "a.zip", ("sila.md", bytes(20 << 20)))
    size = struct.pack("<I", 20 << 20)
    source.write_bytes(source.read_bytes().replace(size, struct.pack("<I", 10)))
    assert_refused(source, FormatError, "bad_archive")


def test_limits_on_entries_and_bytes(tmp_path: Path) -> None:
    entries = [(f"{HERE}/peer{number}-m.jsonl", os.urandom(100)) for number in range(20)]
    source = zipped(tmp_path / "a.zip", *entries)
    for limits in (ImportLimits(entries_max=20), ImportLimits(bytes_max=2000)):
        with pytest.raises(ProtectionError) as failed:
            unpack(source, tmp_path / "new", limits)
        assert "--force" in failed.value.hint
    assert unpack(source, tmp_path / "new", ImportLimits(21, 2100)).file_count == 21


def test_a_huge_table_of_contents_is_not_read(tmp_path: Path) -> None:
    source = zipped(tmp_path / "a.zip")
    raw = bytearray(source.read_bytes())
    at = raw.rfind(b"PK\5\6")
    raw[at + 10 : at + 12] = struct.pack("<H", 0xFFFE)
    source.write_bytes(raw)
    assert_refused(source, ProtectionError, "archive_limits")


def test_entries_that_share_bytes_are_refused(tmp_path: Path) -> None:
    """The quoted-overlap bomb: many names for one run of packed bytes."""
    kernel = bytes(1 << 20)
    source = zipped(tmp_path / "a.zip", (f"{HERE}/peer0-m.jsonl", kernel))
    raw = source.read_bytes()
    at = raw.rfind(b"PK\5\6")
    directory_at = struct.unpack("<I", raw[at + 16 : at + 20])[0]
    directory = raw[directory_at:at]
    second = directory[directory.rfind(b"PK\1\2") :]
    clones = b"".join(second.replace(b"peer0", b"peer%d" % number) for number in range(1, 9))
    count = struct.pack("<HH", 10, 10)
    size = struct.pack("<I", len(directory) + len(clones))
    end = raw[at : at + 8] + count + size + raw[at + 16 :]
    source.write_bytes(raw[:at] + clones + end)
    assert len(zipfile.ZipFile(source).namelist()) == 10
    assert_refused(source, FormatError, "bad_archive")


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "flipped", "no space", "bad id"])
def test_damaged_archives_are_refused(damage: str, tmp_path: Path) -> None:
    source = zipped(tmp_path / "a.zip", ("sila.md", os.urandom(1000)))
    raw = bytearray(source.read_bytes())
    if damage == "empty":
        raw.clear()
    elif damage == "text":
        raw[:] = b"hello"
    elif damage == "cut":
        del raw[-40:]
    elif damage == "flipped":
        raw[raw.find(b"sila.md") + 100] ^= 1
    source.write_bytes(raw)
    if damage == "no space":
        with zipfile.ZipFile(source, "w") as archive:
            archive.writestr("sila.md", "")
    elif damage == "bad id":
        with zipfile.ZipFile(source, "w") as archive:
            archive.writestr("space-v1/space.json", '{"id":"../x"}')
    assert_refused(source, FormatError, "bad_archive")


def test_encrypted_entries_are_refused(tmp_path: Path) -> None:
    source = zipped(tmp_path / "a.zip")
    raw = bytearray(source.read_bytes())
    for signature, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        raw[raw.find(signature) + at] |= 1
    source.write_bytes(raw)
    assert_refused(source, FormatError, "bad_archive")


@pytest.mark.parametrize(
    ("offset", "value"), [(6, 99), (8, 1 << 5), (8, 1 << 6)], ids=["version", "patch", "strong"]
)
def test_archives_that_zipfile_cannot_read_are_refused(
    offset: int, value: int, tmp_path: Path
) -> None:
    source = zipped(tmp_path / "a.zip")
    raw = bytearray(source.read_bytes())
    raw[raw.find(b"PK\1\2") + offset] |= value
    if offset == 8:
        raw[raw.find(b"PK\3\4") + 6] |= value
    source.write_bytes(raw)
    assert_refused(source, FormatError, "bad_archive")


def test_a_missing_archive(tmp_path: Path) -> None:
    with pytest.raises((NotFoundError, StorageError)):
        unpack(tmp_path / "nothing.zip", tmp_path / "new")


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_whatever_fails_the_space_is_whole_or_absent(error: int, tmp_path: Path) -> None:
    runs = itertools.count()
    root = make_space(tmp_path / "s")
    add_blob(root, b"bytes")
    export_space(open_folder(root), tmp_path / "a.zip", SeededRandomness())
    expected = dump(root)

    def attempt(disk: FaultyDisk) -> None:
        place = tmp_path / str(next(runs))
        place.mkdir()
        try:
            unpack(tmp_path / "a.zip", place / "new", disk=disk)
        except StorageError:
            assert disk.has_failed
        assert [path.name for path in place.iterdir()] in ([], ["new"])
        if (place / "new").exists():
            assert dump(place / "new") == expected

    assert until_it_completes(error, attempt) > 20


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_whatever_fails_the_archive_is_whole_or_absent(error: int, tmp_path: Path) -> None:
    runs = itertools.count()
    root = make_space(tmp_path / "s")

    def attempt(disk: FaultyDisk) -> None:
        place = tmp_path / str(next(runs))
        place.mkdir()
        folder = open_folder(root)
        folder.disk = disk
        try:
            export_space(folder, place / "a.zip", SeededRandomness())
        except StorageError:
            assert disk.has_failed
        assert [path.name for path in place.iterdir()] in ([], ["a.zip"])
        for path in place.iterdir():
            assert zipfile.ZipFile(path).testzip() is None

    assert until_it_completes(error, attempt) > 5
