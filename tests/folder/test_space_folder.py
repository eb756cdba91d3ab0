"""Tests of opening and scanning: everything bad is told with its place, the rest loads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sila_daemon.core.errors import InvalidIdError, NotFoundError, ProtectionError, StorageError
from sila_daemon.folder.new_space import create_space
from sila_daemon.folder.space_folder import SpaceFolder, create_space_folder
from sila_daemon.folder.tree_loader import FILE_PROBLEMS_MAX, load_tree
from sila_daemon.ports.disk import FileStat, ReadableFile, SystemDisk
from tests.clocks import HandClock
from tests.folder.faulty_disk import FaultyDisk, until_it_completes
from tests.folder.spaces import (
    DAY,
    OTHER_PEER,
    PEER,
    SPACE,
    SeededRandomness,
    add_ops,
    fingerprint,
    make_space,
    open_folder,
)
from tests.folder.test_dump import dumped, problems

OPS = "space-v1/ops"
HERE = f"{OPS}/{SPACE[:2]}/{SPACE[2:]}/{DAY}"


def assert_rest_loads(root: Path) -> None:
    """What `make_space` wrote is there whatever else is in the folder."""
    (tree,) = (found for tree_id, found in dumped(root)["trees"].items() if tree_id == SPACE)
    (vertex,) = (one for one in tree["vertices"] if one["id"] == SPACE)
    assert vertex["properties"]["name"] == "Small"


@pytest.mark.parametrize(
    ("kind", "line", "code"),
    [
        ("p", b"{", "bad_json"),
        ("p", b"\xff", "not_utf8"),
        ("p", b'"a string"', "bad_shape"),
        ("p", b"12", "bad_shape"),
        ("p", b"[]", "bad_shape"),
        ("p", b'[9,"v","k"]', "bad_shape"),
        ("m", b'[9,"v"]', "bad_shape"),
        ("p", b'[0,"v","k",1]', "counter_out_of_range"),
        ("p", b'[-1,"v","k",1]', "counter_out_of_range"),
        ("p", b'[9007199254740992,"v","k",1]', "counter_out_of_range"),
        ("p", b'[1.5,"v","k",1]', "counter_out_of_range"),
        ("p", b'["9","v","k",1]', "counter_out_of_range"),
        ("p", b'[true,"v","k",1]', "counter_out_of_range"),
        ("p", b'[null,"v","k",1]', "counter_out_of_range"),
        ("p", b'[9,"","k",1]', "bad_id"),
        ("p", b'[9,"%b","k",1]' % (b"x" * 257), "bad_id"),
        ("p", b'[9,"v","",1]', "bad_id"),
        ("p", b'[9,"v",5,1]', "bad_id"),
        ("m", b'[9,"v",5]', "bad_id"),
        ("m", b'[9,"v",""]', "bad_id"),
        ("p", b'[9,"v","k",NaN]', "bad_json"),
        ("p", b'[9,"v","k",Infinity]', "bad_json"),
        ("p", b'[9,"v","k",1e999]', "value_not_json"),
        ("p", b'[9,"v","k",%b1%b]' % (b"[" * 100, b"]" * 100), "value_not_json"),
        ("p", b'[9,"v","k",%b1%b]' % (b"[" * 99999, b"]" * 99999), "value_not_json"),
        ("p", b'[9,"v","k",{"a":1,"a":2}]', "duplicate_key"),
        ("p", b'[9,"v","bad"key",1]', "bad_json"),
        ("p", b'[9,"v","k",1] [10,"v","k",2]', "bad_json"),
    ],
)
def test_a_bad_line_is_told_and_its_neighbours_load(
    kind: str, line: bytes, code: str, tmp_path: Path
) -> None:
    root = make_space(tmp_path / "s")
    good = b'[%d,"' + SPACE.encode() + (b'","k",%d]\n' if kind == "p" else b'","v%d"]\n')
    content = good % (20, 1) + line + b"\n" + good % (21, 2)
    add_ops(root, f"{OTHER_PEER}-{kind}.jsonl", content)
    before = fingerprint(root)
    assert problems(root) == [(f"{HERE}/{OTHER_PEER}-{kind}.jsonl", 2, code)]
    assert_rest_loads(root)
    vector = dumped(root)["trees"][SPACE]["vector"][OTHER_PEER]
    assert vector == ([[9, 9], [20, 21]] if code == "duplicate_key" else [[20, 21]])
    assert fingerprint(root) == before


def test_odd_lines_that_are_fine(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    lines = (
        b'[9,"%b","k1","v",  "extra", null]\r\n\r\n\n   \n[10,"%b","k2","\\ud800"]\n'
        b' [11.0, "%b", "k\\u00e9\xe2\x80\xa8", -0]\t\n[12,"%b","k3",{"a":{},"b":[]}]'
    )
    add_ops(root, f"{OTHER_PEER}-p.jsonl", lines % ((SPACE.encode(),) * 4))
    assert problems(root) == []
    (vertex,) = (v for v in dumped(root)["trees"][SPACE]["vertices"] if v["id"] == SPACE)
    assert vertex["properties"] == {
        "k1": "v",
        "k2": "\ud800",
        "k3": {"a": {}, "b": []},
        "ké\u2028": 0,
        "name": "Small",
    }


def test_many_bad_lines_are_counted(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    add_ops(root, f"{OTHER_PEER}-m.jsonl", b"x\n" * (FILE_PROBLEMS_MAX + 5))
    found = dumped(root)["problems"]
    assert len(found) == FILE_PROBLEMS_MAX + 1
    (summary,) = (one for one in found if one["code"] == "more_problems")
    assert summary["message"].startswith("5 more")


@pytest.mark.parametrize(
    ("place", "code"),
    [
        (f"{HERE}/a b-m.jsonl", "bad_id"),
        (f"{HERE}/é-m.jsonl", "bad_id"),
        (f"{HERE}/{'x' * 129}-m.jsonl", "bad_id"),
        (f"{HERE}/.{OTHER_PEER}-m.jsonl.icloud", "not_downloaded"),
        (f"{HERE}/folder/{PEER}-m.jsonl", "misplaced_file"),
        (f"{OPS}/{PEER}-m.jsonl", "misplaced_file"),
        (f"{OPS}/5f/{PEER}-m.jsonl", "misplaced_file"),
        (f"{OPS}/5f/x y/2026/01/02/{PEER}-m.jsonl", "bad_id"),
        (f"{OPS}/abc/def/2026/01/02/{PEER}-m.jsonl", "misplaced_file"),
        (f"{OPS}/ab/def/2026/1/02/{PEER}-m.jsonl", "misplaced_file"),
    ],
)
def test_odd_names_are_told(place: str, code: str, tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_bytes(b'[9,"x","y"]\n')
    (found,) = problems(root)
    assert found[2] == code and place.startswith(found[0])
    assert_rest_loads(root)


def test_a_stand_in_beside_its_file_is_left_over(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    add_ops(root, f"{PEER}-m.jsonl", b"")
    (root / HERE / f".{PEER}-m.jsonl.icloud").touch()
    assert problems(root) == []


@pytest.mark.parametrize("kind", ["link", "pipe", "file"])
def test_what_stands_where_the_ops_belong_is_told_and_not_followed(
    kind: str, tmp_path: Path
) -> None:
    root = make_space(tmp_path / "s")
    (root / OPS).rename(tmp_path / "outside")
    match kind:
        case "link":
            (root / OPS).symlink_to(tmp_path / "outside")
        case "pipe":
            os.mkfifo(root / OPS)
        case "file":
            (root / OPS).touch()
    scan = open_folder(root).scan()
    assert scan.files == []
    code = "misplaced_file" if kind == "file" else "not_regular"
    assert [(problem.path, problem.code) for problem in scan.problems] == [(OPS, code)]


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", f"{PEER}-m.jsonl.tmp", "notes.txt"])
def test_files_of_other_programs_are_nothing_to_tell(name: str, tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    for place in (HERE, OPS, "space-v1", "."):
        (root / place / name).write_bytes(b"x")
    assert problems(root) == []


def test_links_and_pipes_are_not_followed(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / f"{OTHER_PEER}-m.jsonl").write_bytes(b'[9,"stolen","0"]\n')
    (root / HERE / f"{OTHER_PEER}-m.jsonl").symlink_to(outside / f"{OTHER_PEER}-m.jsonl")
    os.mkfifo(root / HERE / f"{OTHER_PEER}-p.jsonl")
    (root / OPS / "zz").symlink_to(outside)
    (root / "space-v1" / "secrets").symlink_to(outside)
    assert sorted(problems(root)) == [
        (f"{HERE}/{OTHER_PEER}-m.jsonl", None, "not_regular"),
        (f"{HERE}/{OTHER_PEER}-p.jsonl", None, "not_regular"),
        (f"{OPS}/zz", None, "not_regular"),
        ("space-v1/secrets", None, "storage"),
    ]
    assert_rest_loads(root)


class UnreadableDisk(SystemDisk):
    """Gives no bytes of one peer's files and no list of one tree's."""

    def open_read(self, path: Path):  # type: ignore[no-untyped-def]
        """Refuses as another user's file would, or as one that a cloud has not brought."""
        if path.name.startswith(OTHER_PEER):
            raise PermissionError(13, "Permission denied", str(path))
        return super().open_read(path)

    def list_dir(self, path: Path):  # type: ignore[no-untyped-def]
        """Refuses likewise."""
        if path.name == "ee":
            raise PermissionError(13, "Permission denied", str(path))
        return super().list_dir(path)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    add_ops(root, f"{OTHER_PEER}-m.jsonl", b'[9,"x","0"]\n')
    (root / OPS / "ee").mkdir()
    folder = SpaceFolder.open(root, UnreadableDisk())
    scan = folder.scan()
    assert [(one.path, one.code) for one in scan.problems] == [(f"{OPS}/ee", "unreadable")]
    loaded = load_tree(folder, SPACE, scan.by_tree()[SPACE])
    assert [one.code for one in loaded.problems] == ["unreadable"]
    assert "Permission denied" in loaded.problems[0].message
    assert loaded.tree.op_count == 3


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "missing_space_json"),
        (b"", "bad_space_json"),
        (b"not JSON", "bad_space_json"),
        (b"[]", "bad_space_json"),
        (b"{}", "bad_space_json"),
        (b'{"id":5}', "bad_id"),
        (b'{"id":"../../x"}', "bad_id"),
        (b'{"id":"ab"}', "bad_id"),
        (b"x" * 100_000, "unreadable"),
    ],
)
def test_a_bad_space_json(content: bytes | None, code: str, tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    path = root / "space-v1/space.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert problems(root) == [("space-v1/space.json", None, code)]
    assert dumped(root)["spaceId"] is None
    assert_rest_loads(root)


def test_a_wrong_id_means_that_the_space_tree_is_missing(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    (root / "space-v1/space.json").write_text('{"id":"%s"}' % ("00" * 16))
    assert problems(root) == [("space-v1/space.json", None, "missing_space_tree")]
    assert dumped(root)["name"] is None
    assert_rest_loads(root)


def test_a_missing_marker_is_told_and_the_older_one_will_do(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    (root / "sila.md").rename(root / "supa.md")
    assert problems(root) == []
    (root / "supa.md").unlink()
    assert problems(root) == [("sila.md", None, "missing_marker")]


def test_missing_ops_are_told(tmp_path: Path) -> None:
    root = tmp_path / "s"
    (root / "space-v1").mkdir(parents=True)
    (root / "sila.md").touch()
    (root / "space-v1/space.json").write_text('{"id":"abc"}')
    assert [code for _, _, code in problems(root)] == ["unreadable", "missing_space_tree"]


def test_secrets_that_do_not_open_are_told(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    (root / "space-v1/secrets").write_bytes(b"AAAA")
    assert problems(root) == [("space-v1/secrets", None, "secrets_undecryptable")]


@pytest.mark.parametrize("make", ["nothing", "file", "empty", "link"])
def test_what_is_no_space_is_not_opened(make: str, tmp_path: Path) -> None:
    path = tmp_path / "s"
    if make == "file":
        path.touch()
    elif make == "empty":
        path.mkdir()
    elif make == "link":
        path.symlink_to(make_space(tmp_path / "real"))
    with pytest.raises(NotFoundError) as failed:
        open_folder(path)
    assert failed.value.hint


def test_a_name_that_is_not_unicode(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    bad = os.fsencode(root / HERE) + b"/\xff-m.jsonl"
    Path(os.fsdecode(bad)).write_bytes(b"")
    ((path, _, code),) = problems(root)
    assert code == "bad_id" and path.isascii()


def test_a_new_space_is_complete_and_private(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "space"
    folder = create_space(root, SystemDisk(), HandClock(), SeededRandomness(), "Näme ✨")
    assert folder.space_id
    found = dumped(root)
    assert (found["name"], found["spaceId"], found["problems"]) == ("Näme ✨", folder.space_id, [])
    tree = found["trees"][folder.space_id]
    assert tree["root"] == folder.space_id
    names = {vertex["properties"].get("name") for vertex in tree["vertices"]}
    assert {"configs", "threads", "providers", "assets"} <= names
    for path in [root, *root.rglob("*")]:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)
    assert b"Sila" in (root / "sila.md").read_bytes()
    assert (root / "space-v1/space.json").read_bytes() == b'{"id":"%b"}' % folder.space_id.encode()


def test_nothing_that_is_there_is_overwritten(tmp_path: Path) -> None:
    occupied = make_space(tmp_path / "space")
    other = tmp_path / "other"
    other.mkdir()
    (other / "letter.txt").write_text("dear")
    plain = tmp_path / "file"
    plain.touch()
    before = fingerprint(tmp_path)
    for root in (occupied, other, plain):
        with pytest.raises(ProtectionError):
            create_space_folder(root, SystemDisk(), SeededRandomness(), SPACE)
    with pytest.raises(InvalidIdError):
        create_space_folder(tmp_path / "new", SystemDisk(), SeededRandomness(), "../x")
    assert fingerprint(tmp_path) == before


def test_an_empty_folder_will_do_and_the_older_marker_stays(tmp_path: Path) -> None:
    (tmp_path / ".stfolder").mkdir()
    (tmp_path / "supa.md").write_text("old")
    create_space_folder(tmp_path, SystemDisk(), SeededRandomness(), SPACE)
    assert not (tmp_path / "sila.md").exists()
    assert (tmp_path / "supa.md").read_text() == "old"


def test_an_interrupted_creation_can_be_repeated(tmp_path: Path) -> None:
    runs = iter(range(1000))

    def attempt(disk: FaultyDisk) -> None:
        root = tmp_path / str(next(runs))
        try:
            create_space_folder(root, disk, SeededRandomness(), SPACE)
        except StorageError:
            assert disk.has_failed
            try:
                create_space_folder(root, SystemDisk(), SeededRandomness(), SPACE)
            except ProtectionError:
                pass  # It was complete but for the last sync.
        assert open_folder(root).space_id == SPACE

    assert until_it_completes(5, attempt) > 10


def test_the_disk_port_is_kept(tmp_path: Path) -> None:
    """The doubles of these tests have the shape of the real disk."""
    disk = FaultyDisk()
    root = make_space(tmp_path / "s")
    found: FileStat | None = disk.stat(root / "sila.md")
    file: ReadableFile = disk.open_read(root / "sila.md")
    with file:
        assert found and found.size == file.stat().size


def test_a_part_of_the_ops_is_listed_as_the_whole_is(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    add_ops(root, f"{PEER}-m.jsonl", b'[1,"0",null]\n', "abcdef", "2026/11/21")
    add_ops(root, "a b-m.jsonl", b"", "abcdef", "2026/11/21")
    folder = open_folder(root)
    whole = [file for file in folder.scan().files if file.tree_id == "abcdef"]

    for part in ("ab", "ab/cdef", "ab/cdef/2026", "ab/cdef/2026/11", "ab/cdef/2026/11/21"):
        found = folder.scan_below([folder.layout.ops_dir / part])
        assert found is not None
        assert found.files == whole
        assert [problem.code for problem in found.problems] == ["bad_id"]


def test_what_is_no_directory_of_ops_is_not_listed(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    path = add_ops(root, f"{PEER}-m.jsonl", b"", "abcdef")
    ops = open_folder(root).layout.ops_dir
    (ops / "link").symlink_to(ops / "ab", target_is_directory=True)

    for other in (root, ops, ops / "gone", path, root / "space-v1/files", ops / "link/cdef"):
        assert open_folder(root).scan_below([other]) is None
