"""The tool calls of a message: what was asked of which tool, and what came of it.

As the original app writes them, `toolRequests` is a list of `{callId, name, arguments}` and
`toolResults` one of `{toolId, name, result}`, where `toolId` is the `callId` that it answers; the
two may stand in different messages. Entries of another shape are passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sila_daemon.core.json_value import encode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sila_daemon.core.json_value import Json

CALLS_MAX = 100
"""More in one message are passed over."""


class ToolCall(NamedTuple):
    """One call; a part that this message does not have is None."""

    name: str
    arguments: str | None
    """Text as it is, everything else as JSON."""
    result: str | None


def tool_calls(requests: Json, results: Json) -> list[ToolCall]:
    """Returns the calls that were asked for, then results of what was asked for elsewhere."""
    answers = list(_named(results))
    calls = []
    for request in _named(requests):
        answer = next((one for one in answers if _answers(one, request)), None)
        if answer is not None:
            answers.remove(answer)
        calls.append(_call(request, "arguments", answer))
    calls += [_call(answer, "", answer) for answer in answers]
    return calls[:CALLS_MAX]


def _named(entries: Json) -> Iterator[dict[str, Json]]:
    found = entries[:CALLS_MAX] if isinstance(entries, list) else []
    for entry in found:
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            yield entry


def _answers(answer: dict[str, Json], request: dict[str, Json]) -> bool:
    asked = request.get("callId")
    return isinstance(asked, str) and answer.get("toolId") == asked


def _call(named: dict[str, Json], key: str, answer: dict[str, Json] | None) -> ToolCall:
    name = named["name"]
    assert isinstance(name, str)
    arguments = _text(named[key]) if key in named else None
    result = _text(answer["result"]) if answer is not None and "result" in answer else None
    return ToolCall(name, arguments, result)


def _text(value: Json) -> str:
    # Lone surrogates pass, as they do in the text of a message.
    return value if isinstance(value, str) else encode(value).decode("utf-8", "surrogatepass")
