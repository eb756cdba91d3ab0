"""Words of a query, where they stand in a text, and the line that is shown of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sila_daemon.core.errors import UsageError
from sila_daemon.core.search_text import (
    EXCERPT_CHARACTERS,
    Span,
    excerpt,
    found_in,
    text_of,
    words_of,
)

if TYPE_CHECKING:
    from sila_daemon.core.json_value import Json


def test_words_are_divided_folded_and_each_there_once() -> None:
    assert words_of("  Sourdough rye\trYe ") == ["sourdough", "rye"]
    assert words_of("粉") == ["粉"]
    assert words_of("a bread") == ["a", "bread"]


@pytest.mark.parametrize("query", ["", "   ", "a", "a b", "x" * 201, "aa bb cc dd ee ff gg hh ii"])
def test_queries_that_are_too_little_or_too_much(query: str) -> None:
    with pytest.raises(UsageError):
        words_of(query)


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("How long do I rest the dough?", "DOUGH", Span(23, 5)),
        ("How long do I rest the dough?", "dough long", Span(23, 5)),
        ("How long do I rest the dough?", "dough bread", None),
        ("große Straße", "strasse", Span(6, 6)),
        ("ﬁne", "fi", Span(0, 1)),
        ("ǰ and ß and x", "ss and", Span(6, 1)),
    ],
)
def test_where_words_stand(text: str, query: str, expected: Span | None) -> None:
    assert found_in(text, words_of(query)) == expected


@given(st.text(), st.text(min_size=2, max_size=20), st.text())
def test_what_stands_in_a_text_is_found_in_it_and_shown(before: str, word: str, after: str) -> None:
    try:
        words = words_of(word)
    except UsageError:
        return
    text = before + word + after
    match = found_in(text, words)
    assert match is not None
    assert words[0] in text[match.start : match.start + match.length].casefold()
    shown = excerpt(text, match)
    assert len(shown.text) <= EXCERPT_CHARACTERS + match.length + 2
    assert not any(letter in shown.text for letter in "\n\r\t")
    assert 0 <= shown.match.start <= shown.match.start + shown.match.length <= len(shown.text)


def test_a_line_is_cut_out_around_the_match() -> None:
    text = "first line\n" + "x" * 50 + " here " + "y" * 500
    shown = excerpt(text, Span(text.index("here"), 4))
    assert shown.text.startswith("…xxx") and shown.text.endswith("y…")
    start, length = shown.match
    assert shown.text[start : start + length] == "here"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("text", "words", "words"),
        ("text", "x" * 200_000, "x" * 100_000),
        ("files", [{"name": "a.txt"}], '[{"name":"a.txt"}]'),
        ("size", 12, ""),
        ("is", True, ""),
        ("gone", None, ""),
        ("_n", "message", ""),
        ("_n", "letters", "letters"),
        ("role", "user", ""),
        ("_c", "2026-01-02", ""),
    ],
)
def test_what_of_a_value_is_text(key: str, value: Json, expected: str) -> None:
    assert text_of(key, value) == expected
