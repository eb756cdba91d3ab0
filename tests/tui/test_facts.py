"""Reading what the daemon answers, from this version or another."""

from __future__ import annotations

from sila_tui.contents import Chat, VertexFacts, value_kind, value_line
from sila_tui.facts import Activity, Remote, SpaceFacts, moment, place_name, rows
from sila_tui.files import FileEntry, SpaceFiles
from tests.tui import fake_files, sample


def test_a_space_of_the_status() -> None:
    space = SpaceFacts.read(sample.status()["spaces"][1])
    assert (space.title, space.state, space.ops) == ("Home", "syncing", 4210)
    assert (space.pending_ops, space.pending_files) == (120, 3)
    assert space.agreed_at == sample.NOW - 3
    assert space.remotes[0].name == "home.example"


def test_nothing_but_an_id_is_enough() -> None:
    space = SpaceFacts.read({"id": "1033300934484daf854ead6cc1eded63"})
    assert (space.title, space.state, space.remotes) == ("10333009", "unknown", ())
    assert Remote.read({}).last_ack_at is None


def test_wrong_types_and_unknown_states_do_no_harm() -> None:
    space = SpaceFacts.read(
        {"id": 5, "name": ["x"], "state": "brilliant", "ops": "many", "remotes": {"a": 1},
         "folder": 7, "new": True}
    )  # fmt: skip
    assert (space.state, space.ops, space.remotes) == ("unknown", 0, ())
    assert rows([1, {"a": 2}, None]) == [{"a": 2}]


def test_one_server_that_never_agreed_means_no_agreement() -> None:
    row = sample.status()["spaces"][0]
    row["remotes"][0]["lastAckAt"] = None
    assert SpaceFacts.read(row).agreed_at is None


def test_times_in_all_their_forms() -> None:
    assert moment(1_795_500_000) == 1_795_500_000
    assert moment(1_795_500_000_000) == 1_795_500_000
    assert moment("2026-11-21T14:32:12Z") == sample.NOW
    assert moment("soon") is None and moment(None) is None and moment(True) is None


def test_a_server_is_called_by_its_host() -> None:
    assert place_name("https://ana@home.example/spaces") == "home.example"
    assert place_name("http://127.0.0.1:6001") == "127.0.0.1:6001"


def test_an_event_without_words_tells_its_details() -> None:
    event = Activity.read({"id": 1, "at": 5000, "kind": "remote_state", "space": "s", "ops": 3})
    assert event.sentence == "remote state · ops 3"
    assert Activity.read({"kind": "edit", "text": "moved\x1b x"}).sentence == "moved\ufffd x"


def test_a_chat() -> None:
    chat = Chat.read({"title": "T", "messages": sample.chat_messages()})
    answer = chat.messages[1]
    assert (answer.index, len(answer.alternatives)) == (1, 3)
    assert chat.messages[2].files == ("curve.png",)
    assert Chat.read({"messages": [{"id": "m", "index": 9}]}).messages[0].index == 0


def test_a_chat_of_which_only_the_end_was_sent() -> None:
    rows = sample.chat_messages()
    before = Chat.read({"title": "T", "messages": rows, "digest": "d1"})
    first = before.messages[0]
    assert before.known == {"known": len(rows) - 1, "digest": "d1"}
    tail = [{**rows[-1], "text": "longer"}, {**rows[-1], "id": "new"}]
    after = Chat.read({"kept": len(rows) - 1, "messages": tail, "digest": "d2"}, before)
    assert after.messages.ids == [*before.messages.ids, "new"]
    assert after.messages[0] is first
    assert [message.text for message in after.messages[-2:]] == ["longer", rows[-1]["text"]]
    assert Chat.read({"messages": rows}).known == {}, "an older daemon is asked for everything"


def test_files_and_whether_they_are_here() -> None:
    listed = fake_files.listed(sample.vertices())
    files = {file.name: file for file in SpaceFiles.read(listed).files}
    away = files["first crack.mp4"]
    assert (away.folders, away.above, away.is_here) == (("videos",), "videos", False)
    assert FileEntry.read({"path": "a", "id": "u"}).is_here is None
    assert [name for name, file in files.items() if file.is_mutable] == ["espresso.md"]


def test_values_are_one_clean_line() -> None:
    assert value_line({"a": [1, None], "b": "é\n"}) == '{"a": [1, null], "b": "é\\n"}'
    values: list[object] = [True, 1, 1.5, "x", [], {}, None]
    kinds = "yes/no number number text list object null".split()
    assert [value_kind(value) for value in values] == kinds


def test_a_vertex_without_a_name_is_called_by_its_id() -> None:
    vertex = VertexFacts.read({"id": "0409babe53ca", "properties": {"text": "Hi\nthere"}})
    assert (vertex.title, vertex.preview) == ("0409babe", "Hi there")
