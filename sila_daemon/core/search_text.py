"""Searching for words: what of a value is text, where words stand in it, and an excerpt.

Every word of a query must occur, as part of a longer word too, in capitals or not.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Literal, NamedTuple

from sila_daemon.core import json_value
from sila_daemon.core.chat_view import MESSAGE_NAME
from sila_daemon.core.errors import UsageError
from sila_daemon.core.files_view import file_entry
from sila_daemon.core.space import TREE_KEY
from sila_daemon.core.vertex import NAME_KEYS

if TYPE_CHECKING:
    from sila_daemon.core.json_value import Json
    from sila_daemon.core.vertex import Vertex

QUERY_CHARACTERS_MAX = 200
WORDS_MAX = 8
TEXT_CHARACTERS_MAX = 100_000
"""What stands further on in one value is not found."""

EXCERPT_CHARACTERS = 120
_BEFORE_THE_MATCH = 30

HitKind = Literal["name", "file", "message", "property"]
_NOT_SEARCHED = frozenset(("_c", "role"))


class Span(NamedTuple):
    """A place in a text, in characters."""

    start: int
    length: int


class Excerpt(NamedTuple):
    """A line of a text around a match."""

    text: str
    match: Span


def words_of(query: str) -> list[str]:
    """Divides a query into words. Raises UsageError when there is nothing to look for."""
    if len(query) > QUERY_CHARACTERS_MAX:
        raise UsageError(f"a search has at most {QUERY_CHARACTERS_MAX} characters")
    words = list(dict.fromkeys(query.replace("\0", " ").casefold().split()))
    if len(words) > WORDS_MAX:
        raise UsageError(f"a search has at most {WORDS_MAX} words")
    if not any(len(word) > 1 or not word.isascii() for word in words):
        raise UsageError(
            "there is too little to search for",
            code="too_short",
            hint="give a word of two letters or more",
        )
    return words


def text_of(key: str, value: Json) -> str:
    """Returns what is searched of a property: strings, and what lists and objects are made of.

    Empty for numbers, and for properties that say the same of everything.
    """
    if key in _NOT_SEARCHED or (key == "_n" and value == MESSAGE_NAME):
        return ""
    if isinstance(value, str):
        return value[:TEXT_CHARACTERS_MAX]
    if isinstance(value, list | dict):
        return json_value.encode(value).decode()[:TEXT_CHARACTERS_MAX]
    return ""


def found_in(text: str, words: list[str]) -> Span | None:
    """Returns where the first word stands when all of them occur; None otherwise."""
    folded = text.casefold()
    if not all(word in folded for word in words):
        return None
    start = folded.index(words[0])
    end = start + len(words[0])
    if len(folded) == len(text):
        return Span(start, end - start)
    # Some letters become two: their places are counted.
    ends = list(accumulate(len(letter.casefold()) for letter in text))
    first = sum(at <= start for at in ends)
    last = sum(at < end for at in ends)
    return Span(first, last + 1 - first)


def excerpt(text: str, match: Span) -> Excerpt:
    """Cuts a line out of a text, with the match in it."""
    start = max(0, match.start - _BEFORE_THE_MATCH)
    end = max(start + EXCERPT_CHARACTERS, match.start + match.length)
    line = "".join(" " if letter.isspace() else letter for letter in text[start:end])
    before, after = "…" if start else "", "…" if end < len(text) else ""
    shown = json_value.displayable(before + line + after)
    return Excerpt(shown, Span(match.start - start + len(before), match.length))


def kind_of(vertex: Vertex, key: str) -> HitKind:
    """Says what a match in a property of a vertex is to people."""
    if key == "text" and vertex.get("_n") == MESSAGE_NAME:
        return "message"
    if key not in NAME_KEYS:
        return "property"
    return "name" if vertex.get(TREE_KEY) or file_entry(vertex).is_folder else "file"
