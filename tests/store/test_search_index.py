"""The index proposes every op whose text has the words, and few others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.core.search_text import found_in, text_of, words_of
from sila_daemon.database.database import InlineDatabases
from sila_daemon.ports.clock import SystemClock
from sila_daemon.store import search_index
from sila_daemon.store.search_index import CHUNK_BYTES, CHUNK_OPS, Progress, SearchIndex
from sila_daemon.store.space_store import Delivery, SpaceStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sila_daemon.core.json_value import Json

TREE = "66311b5732f44edab7e16ff76fa16666"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SpaceStore]:
    opened = await SpaceStore.open(InlineDatabases(), tmp_path / "space.sqlite", SystemClock())
    yield opened
    await opened.close()


async def say(store: SpaceStore, *values: Json, first: int = 1) -> None:
    ops: list[Op] = [
        PropertyOp(counter, "a", f"v{counter}", "text", json.dumps(value).encode())
        for counter, value in enumerate(values, first)
    ]
    await store.commit([Delivery([(TREE, op) for op in ops])])


async def proposed(store: SpaceStore, *words: str, before: int | None = None) -> list[str]:
    index = SearchIndex(store.database)
    progress = await index.catch_up(lambda: False)
    assert progress.indexed == progress.newest
    return [found.target for found in await index.candidates(words, before, 100)]


async def test_words_and_parts_of_them_are_found_the_newest_first(store: SpaceStore) -> None:
    await say(
        store, "Rest the dough", "rye bread", "DOUGHNUTS", 12, None, ["dough"], {"a": "dough"}
    )
    assert await proposed(store, "dough") == ["v7", "v6", "v3", "v1"]
    assert await proposed(store, "dough", "rest") == ["v1"]
    assert await proposed(store, "dough", before=6) == ["v3", "v1"]
    assert await proposed(store, "cake") == []


async def test_beginnings_of_many_words(store: SpaceStore) -> None:
    await say(store, *(f"ab{chr(0x4E00 + number)}" for number in range(600)), "ba")
    assert await proposed(store, "ab", before=1 << 80) != []
    assert await proposed(store, "ab", before=-5) == []
    assert await proposed(store, *words_of("\0ba\0")) == ["v601"]


@pytest.mark.parametrize("words", ["的", "的 flour", "flour 的"])
async def test_a_letter_that_begins_too_many_sequences_hides_nothing(
    store: SpaceStore, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setattr(search_index, "SEQUENCES_MAX", 3)
    texts = [f"flour 的{letter}x" for letter in "abcdefgh"]
    await say(store, *texts, "nothing of it", {"a": {"的": "flour"}})
    others: list[Op] = [PropertyOp(900, "a", "broken", "text", b"[1,"), MoveOp(901, "a", "m", None)]
    await store.commit([Delivery([(TREE, op) for op in others])])
    seen: list[str] = []
    before = None
    while True:
        index = SearchIndex(store.database)
        await index.catch_up(lambda: False)
        page = await index.candidates(words_of(words), before, 4)
        if not page:
            break
        seen += [
            one.target
            for one in page
            if found_in(text_of(one.key, one.value), words_of(words)) is not None
        ]
        before = page[-1].seq
    assert seen == ["v10", *(f"v{number}" for number in range(8, 0, -1))]


async def test_what_comes_later_is_found_too(store: SpaceStore) -> None:
    await say(store, "first words")
    assert await proposed(store, "words") == ["v1"]
    await say(store, "second words", first=2)
    assert await proposed(store, "words") == ["v2", "v1"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("ends with ab", "ab"),
        ("小麦粉", "小麦"),
        ("小麦粉", "粉"),
        ("x é", "é"),
        ("ÄRGER", "ärg"),
        ('say "hi" now', '"hi"'),
        ("a*b OR c", "a*b"),
        ("ab", "ab"),
        ("😀 smile", "😀 s"),
        ("half \ud83d emoji", "half"),
        ("große Straße", "straße"),
        ("große Straße", "STRASSE"),
        ("ﬁne print", "fine"),
        ("a\0b and more", "b and"),
        ("x" * 300 + "y", "x" * 190 + "y"),
    ],
)
async def test_short_and_odd_words(store: SpaceStore, text: str, word: str) -> None:
    await say(store, "nothing of it", text)
    assert await proposed(store, *words_of(word)) == ["v2"]


async def test_many_ops_are_indexed_in_chunks_that_end_when_told(store: SpaceStore) -> None:
    moves: list[Op] = [MoveOp(n, "a", f"v{n}", None) for n in range(1, CHUNK_OPS + 1)]
    await store.commit([Delivery([(TREE, op) for op in moves])])
    await say(store, "at the end", first=CHUNK_OPS + 1)
    index = SearchIndex(store.database)
    assert await index.catch_up(lambda: True) == Progress(CHUNK_OPS, CHUNK_OPS + 1)
    assert await index.candidates(["end"], None, 10) == []
    assert await index.catch_up(lambda: True) == Progress(CHUNK_OPS + 1, CHUNK_OPS + 1)
    [found] = await index.candidates(["end"], None, 10)
    assert (found.tree_id, found.key, found.value) == (TREE, "text", "at the end")


async def test_large_values_are_taken_few_at_a_time(store: SpaceStore) -> None:
    large = 3 * CHUNK_BYTES // 4
    await say(store, *("sought " + "x" * large for _ in range(3)), ["sought", "y" * large], "small")
    index, rounds = SearchIndex(store.database), 0
    while (progress := await index.catch_up(lambda: True)).indexed < progress.newest:
        rounds += 1
    assert rounds == 2
    seen: list[str] = []
    before = None
    while found := await index.candidates(["sought"], before, 100):
        assert len(found) <= 2
        seen += [one.target for one in found]
        before = found[-1].seq
    assert seen == ["v3", "v2", "v1"], "and long lists are left out"


async def test_an_empty_space_has_nothing(store: SpaceStore) -> None:
    assert await proposed(store, "anything") == []
