"""What a chat tree means."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from sila_daemon.core.chat_view import ChatView, FileReference
from sila_daemon.core.editor import Editor
from sila_daemon.core.errors import NotFoundError
from sila_daemon.core.rep_tree import RepTree

if TYPE_CHECKING:
    from collections.abc import Callable


def new_chat() -> ChatView:
    """A fresh chat whose clock goes on a millisecond with every look at it."""
    rng, ticks = random.Random(1), iter(range(100, 999))
    editor = Editor(
        lambda: f"2026-01-01T00:00:00.{next(ticks)}Z", lambda: f"{rng.getrandbits(64):x}"
    )
    return ChatView.plant(RepTree("chat", editor), "A chat")


def texts(chat: ChatView) -> list[str]:
    """The texts of the main branch."""
    return [message.text for message in chat.messages()]


def test_a_fresh_chat() -> None:
    chat = new_chat()
    root = chat.tree.root
    assert root is not None
    assert (chat.title, root.get("appId"), root.get("configId")) == (
        "A chat",
        "default-chat",
        "chat",
    )
    assert [child.name for child in root.children] == ["messages", "jobs", "assets"]
    assert chat.messages() == []


def test_a_tree_that_is_no_chat() -> None:
    chat = ChatView(RepTree("chat"))
    assert (chat.title, chat.start, chat.messages()) == ("", None, [])
    with pytest.raises(NotFoundError, match="no messages"):
        chat.append("user", "hello")
    with pytest.raises(NotFoundError, match="no such message"):
        chat.choose("nothing")


def test_messages_follow_each_other() -> None:
    chat = new_chat()
    chat.append("user", "one")
    chat.append("assistant", "two", {"configName": "Bot"})
    chat.append("user", "three")
    assert texts(chat) == ["one", "two", "three"]
    assert [message.role for message in chat.messages()] == ["user", "assistant", "user"]
    assert [message.author for message in chat.messages()] == ["", "Bot", ""]


def test_branches() -> None:
    chat = new_chat()
    first = chat.append("user", "one")
    chat.append("assistant", "two")
    edited = chat.branch(first.id, "one, edited")
    assert texts(chat) == ["one, edited"]
    (message,) = chat.messages()
    assert (message.role, message.alternatives, message.index) == ("user", (first.id, edited.id), 1)
    chat.append("assistant", "two, edited")
    chat.choose(first.id)
    assert texts(chat) == ["one", "two"]
    assert (first.get("main"), edited.get("main")) == (True, False)
    ops = chat.tree.op_count
    chat.choose(first.id)
    assert chat.tree.op_count == ops
    edited.set("role", 5)
    other = chat.branch(edited.id, "third")
    assert other.get("role") == "user"
    assert texts(chat) == ["third"]


def test_without_a_main_one_the_first_counts() -> None:
    chat = new_chat()
    start = chat.start
    assert start is not None
    one = start.new_child({"text": "one"})
    two = start.new_child({"text": "two", "main": "true"})
    assert texts(chat) == ["one"]
    two.set("main", True)
    assert texts(chat) == ["two"]
    one.set("main", True)
    assert texts(chat) == ["one"]


def test_what_is_no_message_cannot_be_chosen() -> None:
    chat = new_chat()
    root = chat.tree.root
    assert root is not None
    for vertex in (root, *root.children):
        with pytest.raises(NotFoundError):
            chat.choose(vertex.id)
    with pytest.raises(NotFoundError):
        chat.branch("nothing", "text")


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"text": 5, "role": None}, {"text": "", "role": ""}),
        ({"thinking": "hm"}, {"thinking": "hm"}),
        ({"modelProvider": "p", "modelId": "m"}, {"model": "p/m"}),
        ({"modelId": "m"}, {"model": "m"}),
        ({}, {"model": "", "is_in_progress": False, "tool_requests": None}),
        ({"inProgress": True}, {"is_in_progress": True}),
        ({"toolRequests": [1]}, {"tool_requests": [1], "tool_results": None}),
        ({"toolResults": {"a": 1}}, {"tool_results": {"a": 1}}),
        ({"files": "x"}, {"files": ()}),
        (
            {"files": [{"tree": "t", "vertex": "v"}, 5, {"tree": 1, "vertex": "v"}, {"tree": "t"}]},
            {"files": (FileReference("t", "v"),)},
        ),
    ],
    ids=range(10),
)  # fmt: skip
def test_what_a_message_tells(properties: dict[str, Any], expected: dict[str, Any]) -> None:
    chat = new_chat()
    assert chat.start is not None
    vertex = chat.start.new_child(properties)
    (message,) = chat.messages()
    assert message.vertex_id == vertex.id
    assert message.created_ms == vertex.created_ms
    assert {name: getattr(message, name) for name in expected} == expected


def test_a_mark_changes_with_everything_that_a_message_says() -> None:
    chat = new_chat()
    first = chat.append("user", "one")
    chat.append("assistant", "two")
    marks = [[raw.mark for raw in chat.raw_messages()]]
    steps: list[Callable[[], object]] = [
        lambda: first.set("text", "other"),
        lambda: first.set("files", [{"tree": "t", "vertex": "v"}]),
        lambda: chat.branch(first.id, "another"),
        lambda: chat.choose(first.id),
    ]
    for step in steps:
        step()
        marks.append([raw.mark for raw in chat.raw_messages()])
    assert len({found[0] for found in marks}) == len(marks)
    assert {found[1] for found in marks if len(found) > 1} == {marks[0][1]}
    assert chat.raw_messages()[0].files == (FileReference("t", "v"),)
