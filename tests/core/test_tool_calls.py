"""What is read of the tool calls of a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.tool_calls import CALLS_MAX, ToolCall, tool_calls

if TYPE_CHECKING:
    from sila_daemon.core.json_value import Json

ASK: Json = {"callId": "c1", "name": "ls", "arguments": {"path": "/", "depth": 2}}
ANSWER: Json = {"toolId": "c1", "name": "ls", "result": ["a", "b"]}
TEXT: Json = {"toolId": "c2", "name": "read", "result": "two\nlines"}


@pytest.mark.parametrize(
    ("requests", "results", "expected"),
    [
        (None, None, []),
        ([ASK], None, [ToolCall("ls", '{"path":"/","depth":2}', None)]),
        ([ASK], [TEXT, ANSWER], [
            ToolCall("ls", '{"path":"/","depth":2}', '["a","b"]'),
            ToolCall("read", None, "two\nlines"),
        ]),
        (None, [ANSWER], [ToolCall("ls", None, '["a","b"]')]),
        ([{"name": "x"}], [{"name": "x"}], [ToolCall("x", None, None)] * 2),
        ([{"callId": None, "name": "x", "arguments": None}], [{"name": "x", "result": None}],
         [ToolCall("x", "null", None), ToolCall("x", None, "null")]),
        ({"a": 1}, "text", []),
        ([1, None, [], {}, {"name": 5}], [True], []),
        ([ASK, ASK], [ANSWER], [
            ToolCall("ls", '{"path":"/","depth":2}', '["a","b"]'),
            ToolCall("ls", '{"path":"/","depth":2}', None),
        ]),
    ],
)  # fmt: skip
def test_calls_are_read(requests: Json, results: Json, expected: list[ToolCall]) -> None:
    assert tool_calls(requests, results) == expected


def test_they_are_bounded() -> None:
    assert len(tool_calls([ASK] * 500, [TEXT] * 500)) == CALLS_MAX
