"""Tests of cutting JSON apart without parsing what is inside."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from sila_daemon.core.json_split import array_items, object_members

DEEP = b"[" * 100_000 + b"]" * 100_000


def test_a_deep_item_leaves_its_neighbours_whole() -> None:
    assert array_items(b' [1, %b ,{"a":[2,3]},"]\\"[,"]\n' % DEEP) == [
        b"1",
        DEEP,
        b'{"a":[2,3]}',
        b'"]\\"[,"',
    ]


def test_members_of_an_object() -> None:
    text = b'{ "a,}" : 1, "b\\"":%b,"c":{"d":[]} }' % DEEP
    assert list(object_members(text)) == [
        (b'"a,}"', b"1"),
        (b'"b\\""', DEEP),
        (b'"c"', b'{"d":[]}'),
    ]
    assert list(object_members(b"[1]")) == list(object_members(b"{}")) == []


@pytest.mark.timeout(20)
def test_a_string_without_an_end_is_read_once() -> None:
    assert array_items(b'["' + b'\\"' * 2_000_000 + b"]") is None
    assert array_items(b'["' + b"\\" * 2_000_001 + b"]") is None


@pytest.mark.parametrize("text", [b"", b"1", b"{}", b"[", b"]", b"[1", b"[1]]", b"[1][2]"])
def test_what_is_not_one_array(text: bytes) -> None:
    assert array_items(text) is None


def made_up(rng: random.Random, depth: int = 0) -> Any:
    """Any value, with every character that could be taken for a mark."""
    dice = rng.random()
    if dice < 0.3 and depth < 5:
        return [made_up(rng, depth + 1) for _ in range(rng.randint(0, 4))]
    if dice < 0.6 and depth < 5:
        return {f'{key}"\\,': made_up(rng, depth + 1) for key in range(rng.randint(0, 3))}
    return rng.choice((1, -1.5, None, True, "", '"', "\\", '\\"', "[,]{}", "\ud83d", "é"))


def test_the_pieces_mean_what_the_whole_means() -> None:
    rng = random.Random("split")
    for _ in range(500):
        value = [made_up(rng) for _ in range(rng.randint(0, 5))]
        text = json.dumps(value, ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, 1)))
        items = array_items(text.encode("utf-8", "replace"))
        assert items is not None
        whole = json.loads(text.encode("utf-8", "replace"))
        assert [json.loads(item) for item in items] == whole
        for item, part in zip(items, whole, strict=True):
            if isinstance(part, dict):
                members = object_members(item)
                assert {json.loads(key): json.loads(text) for key, text in members} == part
