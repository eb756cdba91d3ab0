"""Chats as the daemon answers them to programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.daemon.machine import Machine


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
