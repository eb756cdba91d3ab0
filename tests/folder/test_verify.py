"""Tests of verification: what is well, and each thing that can be wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sila_daemon.folder.verify import Verification, verify_space
from tests.folder.spaces import (
    DAY,
    FIXTURES,
    OTHER_PEER,
    PEER,
    SPACE,
    TREE,
    SeededRandomness,
    add_blob,
    add_ops,
    fingerprint,
    make_space,
    open_folder,
)

UUID = "1726aa59542b4b5f81b7ee5e58e72f7f"
FILE = b'[20,"file","mimeType","text/plain"]\n[21,"file","%b","%b"]\n'


def verify(root: Path) -> Verification:
    """Verifies, and makes sure that nothing was touched."""
    before = fingerprint(root)
    found = verify_space(open_folder(root), SeededRandomness())
    assert fingerprint(root) == before
    return found


@pytest.mark.parametrize("name", ["demo-getting-started", "legacy-typed", "workspace-main"])
def test_what_the_original_wrote_is_well(name: str) -> None:
    found = verify(FIXTURES / name)
    assert found.problems == [] and found.notes == [] and found.is_well
    if name == "workspace-main":
        assert (found.tree_count, found.op_count, found.blob_count) == (7, 850, 11)


def test_quirks_are_not_well() -> None:
    found = verify(FIXTURES / "quirks")
    assert [problem.line for problem in found.problems] == [23, 24, 25]


def add_file(root: Path, key: bytes, name: bytes, parent: str = SPACE) -> None:
    """Adds a vertex that refers to a blob."""
    add_ops(root, f"{OTHER_PEER}-m.jsonl", b'[19,"file","%b"]\n' % parent.encode())
    add_ops(root, f"{OTHER_PEER}-p.jsonl", FILE % (key, name))


def wrong_hash(root: Path) -> None:
    add_blob(root, b"other bytes", "ab" * 32)


def missing_static(root: Path) -> None:
    add_file(root, b"hash", b"cd" * 32)


def missing_var(root: Path) -> None:
    add_file(root, b"id", UUID.encode())


def pending(root: Path) -> None:
    add_ops(root, f"{OTHER_PEER}-m.jsonl", b'[9,"a","nowhere"]\n')


def missing_tree(root: Path) -> None:
    add_ops(root, f"{OTHER_PEER}-m.jsonl", b'[9,"t","%b"]\n' % SPACE.encode())
    add_ops(root, f"{OTHER_PEER}-p.jsonl", b'[10,"t","tid","%b"]\n' % TREE.encode())


def missing_root(root: Path) -> None:
    add_ops(root, f"{PEER}-m.jsonl", b'[1,"0",null]\n', tree_id=TREE)


def other_root(root: Path) -> None:
    add_ops(root, f"{PEER}-m.jsonl", b'[1,"0",null]\n[2,"odd",null]\n', tree_id=TREE)


def torn(root: Path) -> None:
    add_ops(root, f"{OTHER_PEER}-m.jsonl", b'[9,"a"')


def unreadable_secrets(root: Path) -> None:
    (root / "space-v1/secrets").write_text("AAAA")


def conflict(root: Path) -> None:
    line = b'[9,"%b","k",%d]\n'
    add_ops(root, f"{OTHER_PEER}-p.jsonl", line % (SPACE.encode(), 1))
    add_ops(root, f"{OTHER_PEER}.0123456789abcdef.jsonl",
            b'["p",9,"%b","k",2]\n' % SPACE.encode())  # fmt: skip


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (wrong_hash, "corrupt_blob"),
        (missing_static, "blob_missing"),
        (missing_var, "blob_missing"),
        (pending, "pending_ops"),
        (missing_tree, "missing_tree"),
        (missing_root, "missing_root"),
        (other_root, "root_id_differs"),
        (torn, "torn_tail"),
        (unreadable_secrets, "secrets_undecryptable"),
        (conflict, "id_conflict"),
    ],
)
def test_each_thing_that_can_be_wrong(
    damage: Callable[[Path], None], code: str, tmp_path: Path
) -> None:
    root = make_space(tmp_path / "s")
    assert verify(root).is_well
    damage(root)
    found = verify(root)
    assert [problem.code for problem in found.problems] == [code]
    assert not found.is_well
    assert len(found.problems[0].message) > 15


def test_files_that_are_here_are_not_missed(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    add_file(root, b"hash", add_blob(root, b"bytes").encode())
    assert verify(root).is_well
    assert verify(root).blob_bytes == 5


def test_files_of_deleted_vertices_are_not_missed(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    add_file(root, b"hash", b"cd" * 32, parent="0")
    assert verify(root).is_well


def test_conflict_copies_are_noted(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    add_ops(root, f"{PEER}-p 2.jsonl", b"")
    found = verify(root)
    assert found.is_well
    assert [(note.code, note.path.endswith(f"{DAY}/{PEER}-p 2.jsonl")) for note in found.notes] == [
        ("conflict_copy", True)
    ]


def test_progress_is_told(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    add_blob(root, b"bytes")
    told: list[tuple[str, int, int]] = []
    verify_space(
        open_folder(root), SeededRandomness(), lambda what, n, of: told.append((what, n, of))
    )
    assert told == [("trees", 0, 1), ("files", 0, 1)]
