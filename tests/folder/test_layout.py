"""Tests of paths: what is made from ids, and what is understood of names."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from sila_daemon.core.errors import FormatError, InvalidIdError
from sila_daemon.core.op_codec import LineKind
from sila_daemon.folder.layout import (
    OpFile,
    SpaceLayout,
    parse_blob_file,
    parse_op_file,
    static_path,
    utc_day,
    var_path,
)

TREE = "25f87e271fb347078ec4fbaad528d1b8"
PEER = "a29e020da3d648d8af3f1d43025a94d3"
WRITER = "0123456789abcdef"
DAY = "space-v1/ops/25/f87e271fb347078ec4fbaad528d1b8/2026/11/21"
UNSAFE = ["", ".", "..", "../x", "a/b", "a\\b", "a\0b", "a b", "é", "a%2eb", "a.b", "x" * 129]


def test_paths_are_those_of_the_original() -> None:
    layout = SpaceLayout(Path("/s"))
    day = date(2026, 11, 21)
    made = [
        layout.moves_file(TREE, day, PEER),
        layout.properties_file(TREE, day, PEER),
        layout.foreign_file(TREE, day, PEER, WRITER),
        layout.root_file(TREE, day, PEER, WRITER),
    ]
    names = [f"{PEER}-m", f"{PEER}-p", f"{PEER}.{WRITER}", f"{PEER}.{WRITER}-0"]
    assert [layout.relative(path) for path in made] == [f"{DAY}/{name}.jsonl" for name in names]
    files = layout.files_dir
    assert layout.relative(static_path(files, "ab" * 32)) == (
        f"space-v1/files/static/sha256/ab/{'ab' * 31}"
    )
    uuid = "1726aa59-542b-4b5f-81b7-ee5e58e72f7f"
    assert layout.relative(var_path(files, uuid)) == (
        "space-v1/files/var/uuid/17/26aa59542b4b5f81b7ee5e58e72f7f"
    )


def test_the_day_is_that_of_utc() -> None:
    assert utc_day(1_767_311_999.9) == date(2026, 1, 1)
    assert utc_day(1_767_312_000) == date(2026, 1, 2)


@pytest.mark.parametrize(
    ("name", "peer", "kind", "is_copy", "writer"),
    [
        (f"{PEER}-m.jsonl", PEER, LineKind.MOVES, False, None),
        (f"{PEER}-p.jsonl", PEER, LineKind.PROPERTIES, False, None),
        (f"{PEER}.jsonl", PEER, LineKind.TYPED, False, None),
        (f"{PEER}.{WRITER}.jsonl", PEER, LineKind.TYPED, False, WRITER),
        (f"{PEER}.{WRITER}-0.jsonl", PEER, LineKind.TYPED, False, WRITER),
        ("a-m-m.jsonl", "a-m", LineKind.MOVES, False, None),
        (f"a-m.{WRITER}.jsonl", "a-m", LineKind.TYPED, False, WRITER),
        (f"{PEER}-m (conflicted copy 2026-01-02).jsonl", PEER, LineKind.MOVES, True, None),
        (f"{PEER}-p.sync-conflict-20260102-030405-ABCDEFG.jsonl",
         PEER, LineKind.PROPERTIES, True, None),
        (f"{PEER}-m 2.jsonl", PEER, LineKind.MOVES, True, None),
        (f"{PEER}-m(1).jsonl", PEER, LineKind.MOVES, True, None),
        (f"{PEER} 2.jsonl", PEER, LineKind.TYPED, True, None),
        (f"{PEER}.{WRITER} (conflicted copy).jsonl", PEER, LineKind.TYPED, False, None),
    ],
)  # fmt: skip
def test_names_of_op_files(
    name: str, peer: str, kind: LineKind, is_copy: bool, writer: str | None
) -> None:
    relative = f"{DAY}/{name}"
    assert parse_op_file(relative) == OpFile(relative, TREE, peer, kind, is_copy, writer)


@pytest.mark.parametrize(
    "relative",
    [
        f"{DAY}/.jsonl",
        f"{DAY}/é-m.jsonl",
        f"{DAY}/{'x' * 129}-m.jsonl",
        f"{DAY}/a,b.jsonl",
        f"{DAY}/sub/{PEER}-m.jsonl",
        f"space-v1/ops/25/{PEER}-m.jsonl",
        f"space-v1/ops/25/rest/2026/1/02/{PEER}-m.jsonl",
        f"space-v1/ops/../rest/2026/01/02/{PEER}-m.jsonl",
        f"space-v1/ops/..//2026/01/02/{PEER}-m.jsonl",
        f"space-v1/ops/abc/rest/2026/01/02/{PEER}-m.jsonl",
        f"other/ops/25/rest/2026/01/02/{PEER}-m.jsonl",
    ],
)
def test_other_paths_are_refused(relative: str) -> None:
    with pytest.raises(FormatError):
        parse_op_file(relative)


@pytest.mark.parametrize("text", UNSAFE)
def test_unsafe_ids_make_no_paths(text: str) -> None:
    layout, day = SpaceLayout(Path("/s")), date(2026, 1, 2)
    attempts: list[Callable[[], Path]] = [
        lambda: layout.tree_dir(text),
        lambda: layout.moves_file(TREE, day, text),
        lambda: layout.properties_file(TREE, day, text),
        lambda: layout.foreign_file(TREE, day, text, WRITER),
        lambda: layout.root_file(TREE, day, text, WRITER),
        lambda: static_path(layout.files_dir, text),
        lambda: var_path(layout.files_dir, text),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidIdError):
            attempt()


def test_a_tree_id_has_three_characters_at_least() -> None:
    with pytest.raises(InvalidIdError):
        SpaceLayout(Path("/s")).tree_dir("ab")
    assert SpaceLayout(Path("/s")).tree_dir("abc") == Path("/s/space-v1/ops/ab/c")


def test_names_of_blobs() -> None:
    static, var = "space-v1/files/static/sha256", "space-v1/files/var/uuid"
    assert parse_blob_file(f"{static}/ab/{'ab' * 31}") == ("static", "ab" * 32)
    assert parse_blob_file(f"{var}/ab/{'ab' * 15}") == ("var", "ab" * 16)
    assert parse_blob_file("space-v1/secrets") is None
    for wrong in (f"{static}/abc/{'ab' * 31}"[:-1], f"{static}/ab/xyz", f"{var}/AB/{'ab' * 15}"):
        with pytest.raises(FormatError):
            parse_blob_file(wrong)
