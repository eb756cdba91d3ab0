"""Connections in memory: commits, acknowledgements, fan-out, rights, and hostile events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sila_daemon.core.errors import StorageFullError
from sila_daemon.server.limits.constants import COUNTER_JUMP_MAX, CREDIT, TRANSIENT_BYTES_MAX
from sila_daemon.server.ops import op_queries
from sila_daemon.server.spaces import hub as hub_module
from sila_daemon.server.spaces.frames import TOO_LARGE
from sila_daemon.server.sync import session as session_module
from sila_daemon.server.sync.gate import Knock, RefusedError
from tests.server.memory_client import Client, join
from tests.server.world_fixture import (
    OTHER_PEER,
    PEER,
    SPACE,
    TREE,
    MemoryPeer,
    SteppedClock,
    eventually,
    inline_ports,
    moves,
    open_world,
    prop,
    sending,
)

if TYPE_CHECKING:
    from sila_daemon.server.accounts.platform import User
    from sila_daemon.server.world import World

OTHER_SPACE = "e" * 32


class Place:
    """A world with two users and a space of the first one."""

    def __init__(self, world: World, clock: SteppedClock) -> None:
        self.world = world
        self.clock = clock
        self.owner: User
        self.guest: User
        self.clients: list[Client] = []

    async def join(
        self, protocol: int = 2, email: str = "owner@example.org", space: str = SPACE
    ) -> Client:
        """Connects."""
        token = await self.world.accounts.make_token(email, 1)
        client = await join(self.world, token, space, protocol)
        self.clients.append(client)
        return client


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    clock = SteppedClock()
    async with open_world(tmp_path / "data", inline_ports(clock)) as world:
        place = Place(world, clock)
        place.owner = await world.accounts.add_user("owner@example.org", None)
        place.guest = await world.accounts.add_user("guest@example.org", None)
        await world.create_space(place.owner, "Space", SPACE)
        await world.create_space(place.guest, "Other", OTHER_SPACE)
        yield place
        for client in place.clients:
            client.peer.reading.set()
            client.session.end("gone")
            await client.task


async def test_ready_tells_an_original_its_space_and_ours_everything(place: Place) -> None:
    old, new = await place.join(1), await place.join(2)
    assert old.events("ready") == [{"spaceId": SPACE}]
    (ready,) = new.events("ready")
    assert set(ready) == {
        "spaceId", "protocol", "serverId", "epoch", "cursor", "userId", "role", "limits", "time",
    }  # fmt: skip
    assert ready["cursor"] == {"epoch": ready["epoch"], "seq": 0, "tag": ""}
    assert (ready["userId"], ready["role"]) == (place.owner.id, "owner")
    assert set(ready["limits"]) == {"frameBytes", "batchOps", "opBytes", "credit"}


async def test_ops_reach_the_others_and_never_the_sender(place: Place) -> None:
    sender, old, new = await place.join(2), await place.join(1), await place.join(2)
    ack = await sender.send([*moves(1, 2), prop(3, b"null"), prop(4, None)])
    assert (ack["ok"], ack["accepted"], ack["duplicates"], ack["rejected"]) == (True, 4, 0, [])
    assert ack["prev"]["seq"] == 0 and ack["cursor"]["seq"] == 4
    (received,) = await old.comes("ops:receive")
    assert set(received) == {"treeId", "ops"}
    assert [("value" in op, op.get("value")) for op in received["ops"][2:]] == [
        (True, None),
        (False, None),
    ]
    (received,) = await new.comes("ops:receive")
    assert (received["prev"], received["cursor"]) == (ack["prev"], ack["cursor"])
    await old.send(moves(1, 4)[:1])
    assert sender.events("ops:receive") == []


async def test_steps_of_one_connection_are_contiguous(place: Place) -> None:
    one, two = await place.join(2), await place.join(2)
    for index in range(20):
        client, peer = ((one, PEER), (two, OTHER_PEER))[index % 2]
        client.session.receive("ops:send", sending(moves(index + 1, index + 1, peer)), 100 + index)
    for client in (one, two):
        await eventually(lambda c=client: len(c.names()) >= 21)  # type: ignore[misc]
        at = client.events("ready")[0]["cursor"]
        for frame in client.peer.frames[1:]:
            payload = json.loads(frame.text)[-1]
            assert payload["prev"] == at
            at = payload["cursor"]
        assert at["seq"] == 20


async def test_one_bad_op_does_not_refuse_its_neighbours(place: Place) -> None:
    client = await place.join()
    good = sending(moves(1, 1))[:-2].decode() + ","
    bad = [
        "null", '"x"', "7", "[]", "{}", '{"id":null,"targetId":"a","parentId":null}',
        '{"id":{"counter":0,"peerId":"p"},"targetId":"a","parentId":null}',
        '{"id":{"counter":9007199254740992,"peerId":"p"},"targetId":"a","parentId":null}',
        '{"id":{"counter":1.5,"peerId":"p"},"targetId":"a","parentId":null}',
        '{"id":{"counter":1,"peerId":"../p"},"targetId":"a","parentId":null}',
        '{"id":{"counter":1,"peerId":"p"},"targetId":"","parentId":null}',
        '{"id":{"counter":1,"peerId":"p"},"targetId":"a"}',
        '{"id":{"counter":1,"peerId":"p"},"targetId":"a","key":"k","value":1e999}',
        '{"id":{"counter":1,"peerId":"p"},"targetId":"a","key":"k","value":'
        + "[" * 70 + "]" * 70 + "}",
    ]  # fmt: skip
    ack = await client.call("ops:send", (good + ",".join(bad) + "]}").encode())
    assert (ack["ok"], ack["accepted"], len(ack["rejected"])) == (True, 1, len(bad))
    codes = {rejected["code"] for rejected in ack["rejected"]}
    assert codes == {"malformed_op", "bad_id", "counter_out_of_range", "value_not_json"}
    assert {"counter": 1, "peerId": "p"}.items() <= ack["rejected"][-1].items()


@pytest.mark.parametrize("name", ["ops:send", "ops:state", "ops:have", "unknown", TOO_LARGE])
@pytest.mark.parametrize(
    "payload",
    [
        None, b"null", b'"text"', b"7", b"[]", b"{}", b"{", b"\xff", b"[" * 100_000,
        b'{"treeId":"../../etc","ops":[]}', b'{"treeId":"a\\u0000b","ops":[]}',
        b'{"treeId":null,"ops":[]}', b'{"treeId":"bbbb","ops":null}', b'{"treeId":"bbbb","ops":{}}',
        b'{"trees":null}', b'{"trees":[1]}', b'{"trees":["../x"]}', b'{"trees":"all"}',
        b'{"since":null}', b'{"since":{"epoch":1}}',
        b'{"since":{"epoch":"","seq":-1,"tag":""}}', b'{"since":{"epoch":"","seq":1e9,"tag":"zz"}}',
    ],
)  # fmt: skip
async def test_malformed_events_are_refused_and_the_next_one_works(
    place: Place, name: str, payload: bytes | None
) -> None:
    client, neighbour = await place.join(), await place.join(1)
    refusal = await client.call(name, payload)
    assert refusal["ok"] is False and refusal["retry"] is False
    assert refusal["code"] in {"malformed_op", "bad_id", "too_large"}
    assert (await neighbour.send(moves(1, 1)))["accepted"] == 1
    if name != TOO_LARGE:
        assert (await client.send(moves(2, 2)))["accepted"] == 1


async def test_odd_vectors_are_answered_with_more_than_is_needed(place: Place) -> None:
    client = await place.join(1)
    await client.send(moves(1, 3))
    odd = {TREE: {"p": "x"}, "../../x": None, "zzz": {PEER: [[5, 1]]}, "": 7}
    client.session.receive("ops:state", json.dumps({"trees": odd}).encode(), None)
    (done,) = await client.comes("ops:sync:done")
    assert done == {"treeIds": list(odd)}
    assert [len(sync["ops"]) for sync in client.events("ops:sync")] == [3]


async def test_state_answers_what_is_lacking_in_op_order(place: Place) -> None:
    client = await place.join(1)
    await client.send(moves(4, 6))
    await client.send(moves(1, 3))
    asked = {"trees": {TREE: {PEER: [[2, 2], [5, 90]]}, "never": None}}
    client.session.receive("ops:state", json.dumps(asked).encode(), None)
    (done,) = await client.comes("ops:sync:done")
    assert done == {"treeIds": [TREE, "never"]}
    (sync,) = client.events("ops:sync")
    assert set(sync) == {"treeId", "ops"}
    assert [op["id"]["counter"] for op in sync["ops"]] == [1, 3, 4]


async def test_since_brings_everything_after_a_cursor(place: Place) -> None:
    writer = await place.join()
    first = await writer.send(moves(1, 3))
    await writer.send(moves(4, 5), "f" * 32)
    await writer.send(moves(6, 6))
    reader = await place.join()
    assert await reader.call("ops:state", json.dumps({"since": first["cursor"]}).encode())
    (done,) = await reader.comes("ops:sync:done")
    assert done["treeIds"] == ["f" * 32, TREE] and done["cursor"]["seq"] == 6
    at = first["cursor"]
    for sync in reader.events("ops:sync"):
        assert sync["prev"] == at
        at = sync["cursor"]
    assert at == done["cursor"]
    await writer.send(moves(7, 7))
    (received,) = await reader.comes("ops:receive")
    assert received["prev"] == at


async def test_a_cursor_of_another_history_is_told_so(place: Place) -> None:
    client = await place.join()
    cursor = (await client.send(moves(1, 3)))["cursor"]
    for change in ({"epoch": "other"}, {"seq": 4}, {"tag": "00" * 8}):
        await client.call("ops:state", json.dumps({"since": {**cursor, **change}}).encode())
    for done in await client.comes("ops:sync:done", 3):
        assert done == {"treeIds": [], "cursor": cursor, "reset": True}


async def test_have_tells_what_is_held(place: Place) -> None:
    client = await place.join()
    await client.send(moves(1, 3) + moves(7, 7))
    await client.send(moves(2, 2, OTHER_PEER), "f" * 32)
    await client.call("ops:have", b'{"trees":"*"}')
    await eventually(lambda: any(have.get("done") for have in client.events("ops:have")))
    *parts, end = client.events("ops:have")
    assert parts == [
        {"treeId": TREE, "peer": PEER, "ranges": [[1, 3], [7, 7]]},
        {"treeId": "f" * 32, "peer": OTHER_PEER, "ranges": [[2, 2]]},
    ]
    assert (end["done"], end["cursor"]["seq"]) == (True, 5)


async def test_have_tells_which_ids_have_several_contents(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(op_queries, "ALTERNATES_AT_ONCE", 2)
    client = await place.join()
    for value in (b"1", b"2", b"3"):
        await client.send([prop(counter, value) for counter in range(1, 6)])
        await client.send([prop(3, value, OTHER_PEER)])
    await client.call("ops:have", b'{"trees":"*"}')
    await eventually(lambda: any(have.get("done") for have in client.events("ops:have")))
    told = [part for part in client.events("ops:have") if "alternates" in part]
    assert {part["treeId"] for part in told} == {TREE}
    assert sorted((part["peer"], n) for part in told for n in part["alternates"]) == [
        *((PEER, counter) for counter in range(1, 6)), (OTHER_PEER, 3),
    ]  # fmt: skip
    await client.call("ops:state", b'{"trees":{"%b":{"%b":[[1,2],[4,5]]}}}'
                      % (TREE.encode(), PEER.encode()))  # fmt: skip
    await client.comes("ops:sync:done")
    (part,) = client.events("ops:sync")
    assert [op["value"] for op in part["ops"]] == [1, 2, 3, 1, 2, 3]


async def test_id_conflict_is_noticed_and_passed_on(place: Place) -> None:
    client, other = await place.join(), await place.join()
    await client.send([prop(1, b"1")])
    ack = await client.send([prop(1, b"2")])
    assert (ack["accepted"], ack["notice"]) == (1, "id_conflict")
    assert len(await other.comes("ops:receive", 2)) == 2


async def test_transient_ops_are_passed_on_and_not_kept(place: Place) -> None:
    client, other = await place.join(), await place.join(1)
    ack = await client.send([prop(1, b"1", transient=True), prop(2, b"2")])
    assert (ack["accepted"], ack["cursor"]["seq"]) == (1, 1)
    received = await other.comes("ops:receive", 2)
    assert [[op["transient"] for op in message["ops"]] for message in received] in (
        [[True], [False]],
        [[False], [True]],
    )
    assert client.events("ops:receive") == [], "never to the sender"
    jump = await client.send([prop(COUNTER_JUMP_MAX + 3, b"1", transient=True)])
    assert [rejected["code"] for rejected in jump["rejected"]] == ["counter_jump"]


async def test_a_slow_reader_costs_nothing_and_misses_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "RECENT_BYTES_MAX", 2000)
    writer, slow, slow_old = await place.join(), await place.join(), await place.join(1)
    for client in (slow, slow_old):
        client.peer.reading.clear()
    for index in range(60):
        await writer.send(moves(10 * index + 1, 10 * index + 10))
        transient = prop(10 * index + 10, b'"%b"' % (b"x" * 20_000), transient=True)
        writer.session.receive("ops:send", sending([transient]), None)
    hub = place.world.spaces.open_spaces[SPACE].hub
    assert sum(len(commit.text) for commit in hub._recent) < 4000
    assert slow.session._outbox._transient_bytes <= TRANSIENT_BYTES_MAX
    for client in (slow, slow_old):
        client.peer.reading.set()

    def counters(client: Client) -> list[int]:
        return [
            op["id"]["counter"]
            for message in client.events("ops:receive")
            for op in message["ops"]
            if not op.get("transient")
        ]

    for client in (slow, slow_old):
        await eventually(lambda c=client: len(counters(c)) >= 600)  # type: ignore[misc]
        assert counters(client) == list(range(1, 601))


async def test_own_commits_are_stepped_over_by_their_acknowledgement_when_behind(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "RECENT_BYTES_MAX", 1)
    writer, slow = await place.join(), await place.join()
    slow.peer.reading.clear()
    slow.session.receive("ops:send", sending(moves(1, 2, OTHER_PEER)), 1)
    await writer.send(moves(1, 9))
    slow.session.receive("ops:send", sending(moves(3, 4, OTHER_PEER)), 2)
    await writer.send(moves(10, 19))
    slow.peer.reading.set()
    await eventually(lambda: len(slow.names()) >= 5)
    at = slow.events("ready")[0]["cursor"]
    for frame in slow.peer.frames[1:]:
        payload = json.loads(frame.text)[-1]
        assert payload["prev"] == at
        at = payload["cursor"]
    assert sorted(slow.names()[1:]) == ["ack", "ack", "ops:receive", "ops:receive"]
    assert at["seq"] == 23


async def test_a_viewer_hears_and_may_not_speak(place: Place) -> None:
    await place.world.directory.share(SPACE, place.guest.id, "viewer")
    owner, viewer = await place.join(), await place.join(email="guest@example.org")
    refusal = await viewer.send(moves(1, 1))
    assert (refusal["ok"], refusal["code"], refusal["retry"]) == (False, "read_only", False)
    await owner.send(moves(1, 1))
    await viewer.comes("ops:receive")
    await place.world.directory.share(SPACE, place.guest.id, "editor")
    await viewer.comes("spaces:changed")
    assert (await viewer.send(moves(2, 2)))["accepted"] == 1


async def test_who_is_taken_out_hears_no_more(place: Place) -> None:
    await place.world.directory.share(SPACE, place.guest.id, "editor")
    owner, guest = await place.join(), await place.join(email="guest@example.org")
    guest.peer.reading.clear()
    await owner.send(moves(1, 1))
    await place.world.directory.unshare(SPACE, place.guest.id)
    guest.peer.reading.set()
    await guest.task
    assert guest.names()[-1] == "auth:expired" and guest.peer.closed == "not_permitted"
    assert guest.session not in place.world.connections.living
    with pytest.raises(RefusedError, match="forbidden"):
        await place.join(email="guest@example.org")


@pytest.mark.parametrize(
    ("name", "payload"),
    [("ops:send", sending(moves(1, 1))), ("ops:state", b'{"trees":{}}'),
     ("ops:have", b'{"trees":"*"}'), ("unknown", b"null")],
)  # fmt: skip
async def test_every_event_ends_with_the_token(place: Place, name: str, payload: bytes) -> None:
    client = await place.join()
    place.clock.ahead = 2 * 86_400
    client.session.receive(name, payload, 1)
    await client.task
    assert client.events("auth:expired") == [{"code": "auth_expired"}]
    assert client.names() == ["ready", "auth:expired"]
    assert place.world.spaces.open_spaces[SPACE].hub.head.seq == 0


async def test_nothing_is_emitted_after_the_token_has_expired(place: Place) -> None:
    quiet = await place.join()
    place.clock.ahead = 2 * 86_400
    writer = await place.join()
    await writer.send(moves(1, 1))
    await quiet.task
    assert quiet.names() == ["ready", "auth:expired"]


async def test_revoking_a_session_ends_its_connections(place: Place) -> None:
    client, other = await place.join(), await place.join()
    grant = client.session.grant
    await place.world.accounts.sessions.end(grant.user_id, grant.session_id)
    await client.task
    assert client.events("auth:expired") == [{"code": "revoked"}]
    assert (await other.send(moves(1, 1)))["ok"]


@pytest.mark.parametrize("auth", [None, {}, [], "x", {"token": None}, {"token": "x"}, {"token": 7}])
async def test_nobody_joins_without_a_token(place: Place, auth: object) -> None:
    for space in (SPACE, OTHER_SPACE, "nowhere"):
        with pytest.raises(RefusedError, match="unauthorized"):
            await place.world.connections.admit(Knock(space, auth, ""), MemoryPeer())


async def test_nobody_joins_the_space_of_another(place: Place) -> None:
    for space in (OTHER_SPACE, "nowhere", "f" * 32):
        with pytest.raises(RefusedError, match="forbidden"):
            await place.join(space=space)
    assert SPACE not in place.world.spaces.open_spaces or not place.world.connections.living


async def test_a_full_disk_is_told_to_try_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, other = await place.join(), await place.join()
    store = place.world.spaces.open_spaces[SPACE].store

    async def full(*_: object, **__: object) -> None:
        raise StorageFullError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(store, "commit", full)
        refusal = await client.send(moves(1, 1))
    assert (refusal["ok"], refusal["code"], refusal["retry"]) == (False, "storage_full", True)
    assert refusal["retryAfterMs"] > 0
    assert (await client.send(moves(1, 1)))["accepted"] == 1
    assert len(await other.comes("ops:receive")) == 1


async def test_a_database_without_room_keeps_what_it_acknowledged(place: Place) -> None:
    client, other = await place.join(), await place.join()
    store = place.world.spaces.open_spaces[SPACE].store
    pages = await store.database.read(lambda c: c.pragma("page_count"))
    await store.database.read(lambda c: c.pragma("max_page_count", pages + 40))
    value = b'"' + b"x" * 20_000 + b'"'
    answers = [await client.send([prop(counter, value)]) for counter in range(1, 31)]
    kept = [answer for answer in answers if answer["ok"]]
    assert 0 < len(kept) < 30
    assert {a["code"] for a in answers if not a["ok"]} == {"storage_full"}
    await store.database.read(lambda c: c.pragma("max_page_count", 1 << 30))
    again = [await client.send([prop(counter, value)]) for counter in range(1, 31)]
    assert sum(answer["duplicates"] for answer in again) == len(kept)
    assert sum(answer["accepted"] for answer in again) == 30 - len(kept)
    received = await other.comes("ops:receive", 30)
    assert sorted(op["id"]["counter"] for r in received for op in r["ops"]) == list(range(1, 31))


async def test_leftovers_of_a_killed_upload_are_removed(place: Place) -> None:
    layout = place.world.spaces.layout(OTHER_SPACE)
    layout.files_dir.mkdir(parents=True, exist_ok=True)
    leftover = layout.files_dir / ".sila-0123456789abcdef.tmp"
    await place.world.spaces._close_idle(OTHER_SPACE)
    leftover.write_bytes(b"half a file")
    async with place.world.spaces.use(OTHER_SPACE):
        assert not leftover.exists()


async def test_a_fault_of_ours_ends_neither_hub_nor_connection(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await place.join()
    store = place.world.spaces.open_spaces[SPACE].store

    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr(store, "commit", broken)
        refusal = await client.send(moves(1, 1))
    assert (refusal["code"], refusal["retry"]) == ("internal", True)
    assert (await client.send(moves(1, 1)))["accepted"] == 1


async def test_reading_stops_while_too_much_waits(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "INBOX_EVENTS_MAX", 3)
    client = await place.join()
    for counter in range(1, 6):
        client.session.receive("ops:send", sending(moves(counter, counter)), counter)
    assert not client.session._roomy.is_set()
    await client.session.room()
    await eventually(lambda: client.ack(5) is not None)


async def test_who_drains_nothing_is_let_go(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sila_daemon.server.sync.outbox.DRAIN_SECONDS_MAX", 0.05)
    writer, stuck = await place.join(), await place.join()
    stuck.peer.reading.clear()
    await writer.send(moves(1, 1))
    await stuck.task
    assert stuck.peer.closed == "slow_consumer"
    assert (await writer.send(moves(2, 2)))["ok"]


async def test_news_reaches_every_space_of_a_user(place: Place) -> None:
    here, there = await place.join(), await place.join(email="guest@example.org", space=OTHER_SPACE)
    await place.world.directory.share(SPACE, place.guest.id, "viewer")
    await there.comes("spaces:changed")
    await place.world.directory.rename(SPACE, "New name")
    assert len(await there.comes("spaces:changed", 2)) == 2
    await here.comes("spaces:changed")


async def test_a_space_that_nobody_uses_is_closed_and_opens_again(place: Place) -> None:
    client = await place.join()
    await client.send(moves(1, 3))
    spaces = place.world.spaces
    place.clock.ahead = 3600
    await spaces._close_idle(SPACE)
    assert SPACE in spaces.open_spaces, "somebody is connected"
    client.session.end("gone")
    await client.task
    await spaces._close_idle(SPACE)
    assert SPACE not in spaces.open_spaces
    again = await place.join()
    assert again.events("ready")[0]["cursor"]["seq"] == 3


async def test_at_most_the_credit_is_with_the_hub(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await place.join(1)
    hub = place.world.spaces.open_spaces[SPACE].hub
    most = 0
    submit = hub.submit

    def counting(batch: Any, done: Any) -> None:
        nonlocal most
        submit(batch, done)
        most = max(most, len(hub._waiting))

    monkeypatch.setattr(hub, "submit", counting)
    for counter in range(1, 201):
        client.session.receive("ops:send", sending(moves(counter, counter)), None)
    await eventually(lambda: hub.head.seq == 200)
    assert 1 < most <= CREDIT
