"""Merging secrets: name by name, removed for good, never by absence, and at rest in the end."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sila_daemon.store.secret_merge import (
    SecretSet,
    Seen,
    fingerprint,
    merged,
    set_again,
    with_value,
)

NAME = "key"


def base(**values: str) -> dict[str, Seen]:
    return {name: Seen(fingerprint(value)) for name, value in values.items()}


@pytest.mark.parametrize("prefer_theirs", [True, False])
def test_absence_changes_nothing(prefer_theirs: bool) -> None:
    mine = SecretSet({"a": "1"}, {"b": fingerprint("x")})
    assert merged(mine, SecretSet(), base(a="1"), prefer_theirs=prefer_theirs) == mine


@pytest.mark.parametrize("prefer_theirs", [True, False])
def test_a_new_name_and_a_changed_value_are_taken(prefer_theirs: bool) -> None:
    mine = SecretSet({"a": "1"})
    theirs = SecretSet({"a": "2", "b": "3"})
    outcome = merged(mine, theirs, base(a="1"), prefer_theirs=prefer_theirs)
    assert outcome.values == {"a": "2", "b": "3"}


@pytest.mark.parametrize("prefer_theirs", [True, False])
def test_what_did_not_change_there_does_not_undo_a_change_here(prefer_theirs: bool) -> None:
    mine = SecretSet({"a": "new"})
    theirs = SecretSet({"a": "old"})
    outcome = merged(mine, theirs, base(a="old"), prefer_theirs=prefer_theirs)
    assert outcome.values == {"a": "new"}


def test_where_both_changed_the_layer_decides() -> None:
    mine, theirs = SecretSet({"a": "here"}), SecretSet({"a": "there"})
    known = base(a="old")
    assert merged(mine, theirs, known, prefer_theirs=True).values == {"a": "there"}
    assert merged(mine, theirs, known, prefer_theirs=False).values == {"a": "here"}


def test_a_removed_value_does_not_come_back_and_another_one_does() -> None:
    mine = SecretSet({}, {"a": fingerprint("old")})
    assert merged(mine, SecretSet({"a": "old"}), {}, prefer_theirs=True).values == {}
    assert merged(mine, SecretSet({"a": "new"}), {}, prefer_theirs=True).values == {"a": "new"}


def test_their_removal_takes_our_value_if_it_is_that_value() -> None:
    removal = SecretSet({}, {"a": fingerprint("old")})
    outcome = merged(SecretSet({"a": "old"}), removal, base(a="old"), prefer_theirs=False)
    assert outcome == removal
    kept = merged(SecretSet({"a": "new"}), removal, base(a="old"), prefer_theirs=True)
    assert kept.values == {"a": "new"}


def test_a_removal_of_a_later_value_takes_the_one_that_never_changed_here() -> None:
    mine = SecretSet({"a": "old"})
    theirs = SecretSet({}, {"a": fingerprint("later")})
    assert merged(mine, theirs, base(a="old"), prefer_theirs=False) == theirs


def test_a_value_that_a_server_went_back_to_is_removed_there_again() -> None:
    mine = SecretSet({}, {"a": fingerprint("later")})
    outcome = merged(mine, SecretSet({"a": "old"}), base(a="old"), prefer_theirs=False)
    assert outcome == SecretSet({}, {"a": fingerprint("old")})


@dataclass
class Device:
    """A device with its store, its folder's file, and what it last saw of both others."""

    own: SecretSet = field(default_factory=SecretSet)
    file: dict[str, str] = field(default_factory=dict)
    seen_file: dict[str, Seen] = field(default_factory=dict)
    seen_server: dict[str, Seen] = field(default_factory=dict)

    def set(self, value: str | None) -> None:
        self.own.put(NAME, with_value(self.own.entry(NAME), value))

    def sync_file(self) -> None:
        theirs = SecretSet(dict(self.file))
        self.own = merged(self.own, theirs, self.seen_file, prefer_theirs=True)
        see(self.seen_file, theirs)
        self.file = dict(self.own.values)
        see(self.seen_file, SecretSet(self.file))

    def sync_server(self, server: SecretSet, *, is_answer_lost: bool = False) -> SecretSet:
        self.own = merged(self.own, server, self.seen_server, prefer_theirs=False)
        see(self.seen_server, server)
        if not is_answer_lost:
            see(self.seen_server, self.own)
        return SecretSet(dict(self.own.values), dict(self.own.removed))


def see(seen: dict[str, Seen], theirs: SecretSet) -> None:
    value, removed = theirs.entry(NAME)
    before = seen.get(NAME, Seen())
    seen[NAME] = Seen(fingerprint(value) if value else before.value, removed or before.removed)


VALUES = st.sampled_from(["x", "y", "z"])
DEVICE = st.integers(0, 2)
ACTIONS = st.one_of(
    st.tuples(st.just("set"), DEVICE, VALUES),
    st.tuples(st.just("unset"), DEVICE, st.none()),
    st.tuples(st.just("app writes"), DEVICE, VALUES),
    st.tuples(st.just("app forgets"), DEVICE, st.none()),
    st.tuples(st.just("sync file"), DEVICE, st.none()),
    st.tuples(st.just("sync server"), DEVICE, st.none()),
    st.tuples(st.just("answer lost"), DEVICE, st.none()),
    st.tuples(st.just("server restored"), st.integers(0, 5), st.none()),
)
TWO_REMOVALS = [
    ("set", 0, "x"),
    ("unset", 0, None),
    ("set", 1, "y"),
    ("unset", 1, None),
]


@settings(max_examples=200)
@given(st.lists(ACTIONS, max_size=25))
@example(TWO_REMOVALS)
def test_devices_come_to_rest_with_the_same_secrets(
    actions: list[tuple[str, int, str | None]],
) -> None:
    devices, server, backups = [Device() for _ in range(3)], SecretSet(), [SecretSet()]
    for action, number, value in actions:
        device = devices[number % 3]
        match action:
            case "set" | "unset":
                device.set(value)
            case "app writes":
                device.file = {NAME: str(value)}
            case "app forgets":
                device.file = {}
            case "sync file":
                device.sync_file()
            case "server restored":
                server = backups[number % len(backups)]
            case _:
                server = device.sync_server(server, is_answer_lost=action == "answer lost")
                backups.append(server)
    rounds = 0
    while True:
        before = (repr(devices), repr(server))
        for device in devices:
            device.sync_file()
            server = device.sync_server(server)
        if (repr(devices), repr(server)) == before:
            break
        rounds += 1
        assert rounds <= 6, "they never come to rest"
    for device in devices:
        assert device.own == server
        assert device.file == server.values


def settle(devices: list[Device], server: SecretSet) -> SecretSet:
    for _ in range(3):
        for device in devices:
            device.sync_file()
            server = device.sync_server(server)
    return server


def test_the_removed_value_can_be_set_again_by_a_person_and_removed_again() -> None:
    devices = [Device(), Device()]
    devices[0].set("x")
    server = settle(devices, SecretSet())
    for _ in range(2):
        devices[0].set(None)
        server = settle(devices, server)
        assert [device.own.values for device in devices] == [{}, {}]
        assert [device.file for device in devices] == [{}, {}]

        devices[0].set("x")
        server = settle(devices, server)
        assert [device.own.values for device in devices] == [{NAME: "x"}] * 2
        assert [device.file for device in devices] == [{NAME: "x"}] * 2
        assert server.removed == {NAME: set_again("x")}


def test_an_app_that_writes_back_what_was_removed_does_not_bring_it_back() -> None:
    devices = [Device(), Device()]
    devices[0].set("x")
    server = settle(devices, SecretSet())
    devices[0].set(None)
    server = settle(devices, server)
    devices[1].file = {NAME: "x"}
    assert settle(devices, server).values == {}
    assert devices[1].file == {}
