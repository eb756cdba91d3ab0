"""Which strings may name things."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sila_daemon.core import ids
from sila_daemon.core.errors import InvalidIdError

HASH = "0123456789abcdef" * 4


@pytest.mark.parametrize("text", ["a", "A-Z_09", "x" * 128, "-", "_"])
def test_path_ids(text: str) -> None:
    assert ids.is_path_id(text)
    assert ids.checked_peer_id(text) == text


@pytest.mark.parametrize(
    "text", ["", "x" * 129, "a/b", "..", ".", "a.b", "a b", "é", "a\n", "\x00", None, 5, b"a"]
)
def test_what_may_not_be_part_of_a_path(text: object) -> None:
    assert not ids.is_path_id(text)
    assert not ids.is_tree_id(text)
    for check in (ids.checked_peer_id, ids.checked_tree_id, ids.checked_space_id):
        with pytest.raises(InvalidIdError):
            check(text)


def test_tree_and_space_ids_have_three_characters() -> None:
    assert ids.checked_tree_id("abc") == ids.checked_space_id("abc") == "abc"
    for check in (ids.checked_tree_id, ids.checked_space_id):
        with pytest.raises(InvalidIdError, match="'ab'"):
            check("ab")


def test_hashes() -> None:
    assert ids.checked_hash(HASH) == HASH
    for text in (HASH.upper(), HASH[1:], HASH + "\n", None):
        with pytest.raises(InvalidIdError):
            ids.checked_hash(text)


def test_uuids_lose_their_dashes() -> None:
    assert ids.checked_uuid("0123ABCD-0123-0123-0123-0123456789ab") == HASH[:4] + "abcd" + (
        "0123" * 3 + "0123456789ab"
    )
    for text in ("0123", HASH, "g" * 32, None, 5):
        with pytest.raises(InvalidIdError):
            ids.checked_uuid(text)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (ids.is_vertex_id, ["0", "x" * 256, "a/\ud83d\n"], ["", "x" * 257, None, 0]),
        (ids.is_counter, [1, 2**53 - 1], [0, -1, 2**53, 1.0, True, "1", None]),
    ],
)
def test_vertex_ids_and_counters(
    check: Callable[[object], bool], good: list[Any], bad: list[Any]
) -> None:
    assert [thing for thing in good if not check(thing)] == []
    assert [thing for thing in bad if check(thing)] == []


def test_untrusted_text_is_shortened_for_messages() -> None:
    assert ids.shortened("é") == "'\\xe9'"
    assert ids.shortened("x" * 100, 10) == "'xxxxxxxx…"
