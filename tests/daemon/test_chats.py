"""Chats as the daemon answers them to programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.daemon.machine import Machine


def test_tool_calls_come_with_arguments_and_result(machine: Machine, space: str) -> None:
    tree = machine.call("chat.new", space=space, name="Tools")["tree"]
    vertex = machine.call("chat.send", space=space, tree=tree, text="a", role="user")["vertex"]
    asked = [{"callId": "c1", "name": "ls", "arguments": {"path": "/"}}]
    answered = [{"toolId": "c1", "name": "ls", "result": "x" * 5000}]
    edits = [
        {"do": "set", "vertex": vertex, "key": "toolRequests", "value": asked},
        {"do": "set", "vertex": vertex, "key": "toolResults", "value": answered},
    ]
    machine.call("edit.apply", space=space, tree=tree, edits=edits)
    [message] = machine.call("chat.show", space=space, tree=tree)["messages"]
    assert message["tools"] == ["ls"]
    assert message["toolCalls"] == [
        {"name": "ls", "arguments": '{"path":"/"}', "result": "x" * 4000, "cut": True}
    ]


def test_of_a_chat_only_what_is_not_known_is_given(machine: Machine, space: str) -> None:
    tree = machine.call("chat.new", space=space, name="Plans")["tree"]
    for text in ("one", "two", "three"):
        machine.call("chat.send", space=space, tree=tree, text=text, role="user")

    def asked(**known: object) -> Any:
        return machine.call("chat.show", space=space, tree=tree, **known)

    def said(answer: dict[str, Any]) -> list[str]:
        return [message["text"] for message in answer["messages"]]

    whole = asked()
    assert (whole["kept"], said(whole)) == (0, ["one", "two", "three"])
    machine.call("chat.send", space=space, tree=tree, text="four", role="user")
    rest = asked(known=2, digest=whole["digest"])
    assert (rest["kept"], said(rest)) == (2, ["three", "four"])
    for known in ({"known": 3, "digest": whole["digest"]}, {"known": 99}, {"known": -1}):
        assert asked(**known)["kept"] == 0, "what is not proved to be known is given"
    edit = {"do": "set", "vertex": whole["messages"][0]["id"], "key": "text", "value": "zero"}
    machine.call("edit.apply", space=space, tree=tree, edits=[edit])
    after = asked(known=3, digest=rest["digest"])
    assert (after["kept"], said(after)) == (0, ["zero", "two", "three", "four"])
