"""Tests of the dump: what the original sees in each fixture, and the canonical form."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from sila_daemon.core import json_value
from sila_daemon.folder.dump import dump_space
from tests.folder.spaces import (
    DAY,
    FIXTURES,
    OTHER_PEER,
    PEER,
    SPACE,
    SeededRandomness,
    add_blob,
    add_ops,
    fingerprint,
    make_space,
    open_folder,
)

NAMES = ["demo-getting-started", "legacy-typed", "quirks", "workspace-main"]


def dump(root: Path, *, with_secrets: bool = True) -> bytes:
    """The whole document."""
    found = dump_space(open_folder(root), SeededRandomness(), io.BytesIO())
    return b"".join(found.render(with_secrets=with_secrets))


def dumped(root: Path) -> Any:
    """The document, parsed."""
    return json.loads(dump(root))


def problems(root: Path) -> list[tuple[str, int | None, str]]:
    """Where and what, without the words."""
    return [(one["path"], one["line"], one["code"]) for one in dumped(root)["problems"]]


@pytest.mark.parametrize("name", NAMES)
def test_it_shows_what_the_original_sees(name: str) -> None:
    ours = dumped(FIXTURES / name)
    expected = json.loads((FIXTURES / f"{name}.expected.json").read_text(encoding="utf-8"))
    assert (ours["spaceId"], ours["name"]) == (expected["spaceId"], expected["name"])
    assert ours["secrets"] == (expected["secrets"] or {})
    assert set(ours["trees"]) == set(expected["trees"])
    for tree_id, theirs in expected["trees"].items():
        tree = ours["trees"][tree_id]
        assert tree["root"] == theirs["rootId"]
        assert tree["appId"] == theirs["appId"]
        assert tree["ops"] == theirs["opCounts"]["uniqueIds"]
        assert tree["pending"] == {
            "moves": theirs["pending"]["movesMissingParent"],
            "properties": theirs["pending"]["propsMissingVertex"],
        }
        assert_vertices_equal(tree["vertices"], theirs["vertices"])
        assert_holds(tree["vector"], theirs["stateVector"])
        assert tree["ops"] == sum(
            last - first + 1 for ranges in tree["vector"].values() for first, last in ranges
        )


def assert_vertices_equal(ours: list[Any], theirs: list[Any]) -> None:
    """The same vertices, parents, children and properties."""
    assert [vertex["id"] for vertex in ours] == sorted(vertex["id"] for vertex in theirs)
    by_id = {vertex["id"]: vertex for vertex in ours}
    for expected in theirs:
        vertex = by_id[expected["id"]]
        assert vertex["parent"] == expected["parentId"]
        assert vertex["properties"] == expected["props"]
        if expected.get("orderAmbiguous"):
            assert sorted(vertex["children"]) == sorted(expected["children"])
        else:
            assert vertex["children"] == expected["children"]


def assert_holds(vector: dict[str, list[list[int]]], part: dict[str, list[list[int]]]) -> None:
    """Every range of `part` is in the vector; theirs leaves out what lost at once."""
    for peer, ranges in part.items():
        for first, last in ranges:
            assert any(a <= first and last <= b for a, b in vector[peer])


@pytest.mark.parametrize("name", NAMES)
def test_files_are_those_that_the_original_lists(name: str) -> None:
    ours = dumped(FIXTURES / name)["files"]
    expected = json.loads((FIXTURES / f"{name}.expected.json").read_text(encoding="utf-8"))
    files = expected["files"]
    static = [(one["storageId"], one["size"]) for one in files if one["kind"] == "static"]
    var = [(one["storageId"], one["size"], one["sha256"]) for one in files if one["kind"] == "var"]
    assert [(one["hash"], one["size"]) for one in ours["static"]] == sorted(static)
    assert [(one["id"], one["size"], one["sha256"]) for one in ours["var"]] == sorted(var)


def test_lines_that_are_not_json_are_told() -> None:
    folder = "space-v1/ops/b3/77920e67164e9b94b817aa075956bb/2026/11/21"
    path = f"{folder}/a973d1b75d294a15b638a0c282b280f8-p.jsonl"
    expected = [(path, line, "bad_json") for line in (23, 24, 25)]
    assert problems(FIXTURES / "quirks") == expected
    assert [problems(FIXTURES / name) for name in NAMES if name != "quirks"] == [[], [], []]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_canonical_and_changes_nothing(name: str) -> None:
    before = fingerprint(FIXTURES / name)
    document = dump(FIXTURES / name)
    assert document == json_value.canonical(json.loads(document)) + b"\n"
    assert fingerprint(FIXTURES / name) == before
    assert list(json.loads(document)) == [
        "files", "format", "name", "problems", "secrets", "spaceId", "trees",
    ]  # fmt: skip


def test_secrets_are_named_only_unless_asked_for() -> None:
    without = json.loads(dump(FIXTURES / "workspace-main", with_secrets=False))
    assert without["secrets"] == ["api-key-anthropic", "api-key-openai"]
    assert b"sk-fixture" not in dump(FIXTURES / "workspace-main", with_secrets=False)


def test_lone_surrogates_are_kept_as_escapes(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    add_ops(root, f"{OTHER_PEER}-p.jsonl", b'[9,"%b","cut","x\\ud83d"]\n' % SPACE.encode())
    assert b'"cut":"x\\ud83d"' in dump(root)


def test_equal_op_sets_give_equal_bytes(tmp_path: Path) -> None:
    """Whatever the files and whatever the order in them."""
    lines = [
        b'[%d,"v%d","%b"]\n' % (counter, counter % 7, SPACE.encode()) for counter in range(10, 60)
    ]
    one, other = make_space(tmp_path / "one"), make_space(tmp_path / "other")
    add_ops(one, f"{OTHER_PEER}-m.jsonl", b"".join(lines))
    typed = [line.replace(b"[", b'["m",', 1) for line in reversed(lines)]
    add_ops(other, f"{OTHER_PEER}.0123456789abcdef.jsonl", b"".join(typed[:25]))
    add_ops(other, f"{OTHER_PEER}.jsonl", b"".join(typed[20:]), day="2026/03/04")
    assert dump(one) == dump(other)


def test_conflict_copies_are_read(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    for number, suffix in enumerate(
        (" (conflicted copy 2026-01-02 030405)", ".sync-conflict-20260102-030405-ABCDEFG", " 2")
    ):
        line = b'[%d,"%b","key%d",1]\n' % (20 + number, SPACE.encode(), number)
        add_ops(root, f"{PEER}-p{suffix}.jsonl", line)
    (tree,) = dumped(root)["trees"].values()
    properties = next(v["properties"] for v in tree["vertices"] if v["id"] == SPACE)
    assert properties == {"name": "Small", "key0": 1, "key1": 1, "key2": 1}
    assert problems(root) == []


def test_pending_ops_are_counted(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    add_ops(root, f"{OTHER_PEER}-m.jsonl", b'[9,"a","nowhere"]\n[10,"b","a"]\n')
    add_ops(root, f"{OTHER_PEER}-p.jsonl", b'[11,"unborn","k",1]\n')
    (tree,) = dumped(root)["trees"].values()
    assert tree["pending"] == {"moves": 2, "properties": 1}
    assert tree["vector"][OTHER_PEER] == [[9, 11]]
    assert {vertex["id"] for vertex in tree["vertices"]} == {"0", SPACE}


def test_one_id_with_two_contents(tmp_path: Path) -> None:
    """The greater content counts whatever the order of the files, and the id is told."""
    texts = [b'"zzz"', b'"aaa"']
    documents = []
    for name, (first, second) in {"one": texts, "two": texts[::-1]}.items():
        root = make_space(tmp_path / name)
        line = b'[9,"%b","name",%b]\n'
        add_ops(root, f"{OTHER_PEER}-p.jsonl", line % (SPACE.encode(), first))
        add_ops(root, f"{OTHER_PEER}-p 2.jsonl", line % (SPACE.encode(), second))
        found = dumped(root)
        assert found["name"] == "zzz"
        assert [one["code"] for one in found["problems"]] == ["id_conflict"]
        assert OTHER_PEER in found["problems"][0]["message"]
        documents.append(dump(root))
    assert documents[0] == documents[1]


def test_superseded_duplicates_are_no_conflict(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    lines = b'[9,"%b","k",1]\n[10,"%b","k",{}]\n[11,"%b","k",2]\n' % ((SPACE.encode(),) * 3)
    add_ops(root, f"{OTHER_PEER}-p.jsonl", lines)
    spelled = lines.replace(b"1]", b"1.0]", 1).replace(b"{}", b"[]")
    add_ops(root, f"{OTHER_PEER}-p 2.jsonl", spelled)
    assert problems(root) == []
    spelled = lines.replace(b"1]", b"3]", 1)
    add_ops(root, f"{OTHER_PEER}-p 2.jsonl", spelled)
    assert [code for _, _, code in problems(root)] == ["id_conflict"]


def test_blobs_are_listed_with_their_sizes(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    blob_hash = add_blob(root, b"bytes")
    assert dumped(root)["files"] == {"static": [{"hash": blob_hash, "size": 5}], "var": []}
    assert blob_hash == hashlib.sha256(b"bytes").hexdigest()


def test_an_empty_tree_is_shown_as_one(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    add_ops(root, f"{PEER}-m.jsonl", b"", tree_id="empty")
    tree = dumped(root)["trees"]["empty"]
    assert (tree["root"], tree["appId"], tree["ops"], tree["vertices"]) == (None, None, 0, [])


def test_days_and_years_do_not_matter(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    assert DAY == "2026/01/02"
    add_ops(root, f"{PEER}-p.jsonl", b'[7,"%b","name","Old"]\n' % SPACE.encode(), day="1999/12/31")
    assert dumped(root)["name"] == "Old"
