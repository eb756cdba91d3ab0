"""What a route says about itself: what it takes, what it gives, and how it may refuse.

Every rule of the registry has one of these; the OpenAPI document is made of them, and the tests
hold every answer that they see against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json"
HTML = "text/html"
BYTES = "application/octet-stream"
ANYTHING = "*/*"

TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 10**15 - 1}


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer."""

    shape: Any = None
    """The type of a JSON answer; None for one that has no body, or another kind of body."""
    media_type: str = JSON
    headers: tuple[str, ...] = ()
    text: str = ""
    """What the status means here, where its name does not say it."""

    @property
    def has_body(self) -> bool:
        """Whether anything but headers is sent."""
        return self.shape is not None or self.media_type != JSON


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a request."""

    shape: Any = None
    """The type of a JSON body or a form; None for bytes."""
    media_types: tuple[str, ...] = (JSON,)
    is_required: bool = True


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or a header of a request."""

    name: str
    text: str
    place: str = "query"
    schema: Mapping[str, Any] = field(default_factory=lambda: TEXT)
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class About:
    """The description of one route."""

    summary: str
    """One sentence, without the right: the rule names it."""
    answers: Mapping[int, Answer]
    body: Body | None = None
    parameters: tuple[Parameter, ...] = ()
    codes: frozenset[str] = frozenset()
    """Codes of refusals besides those of the guard, of the body, and of a failing disk."""
    refuses_with: str = JSON
    """The media type of refusals."""

    def __post_init__(self) -> None:
        """Refuses a description that says nothing: the program does not start with one."""
        assert self.summary.endswith("."), f"no sentence: {self.summary!r}"
        assert self.answers or self.codes, f"no answer: {self.summary}"


def about(
    summary: str,
    gives: Any = None,
    *,
    takes: Any = None,
    parameters: Sequence[Parameter] = (),
    codes: str = "",
    refuses_with: str = JSON,
) -> About:
    """Describes a route in few words.

    `gives` is the type of the answer 200, an `Answer`, or answers by status; `takes` is the type
    of a JSON body or a `Body`; `codes` are divided by spaces.
    """
    answers = gives if isinstance(gives, dict) else {200: gives}
    return About(
        summary,
        {status: _answer(one) for status, one in answers.items()},
        takes if takes is None or isinstance(takes, Body) else Body(takes),
        tuple(parameters),
        frozenset(codes.split()),
        refuses_with,
    )


def header(name: str, text: str, *, is_required: bool = False, **schema: Any) -> Parameter:
    """Describes a header of a request."""
    return Parameter(name, text, "header", {**TEXT, **schema}, is_required)


def _answer(given: Any) -> Answer:
    return given if isinstance(given, Answer) else Answer(given)
