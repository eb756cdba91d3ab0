"""Packets keep payloads as JSON text and never raise, whatever comes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sila_daemon.core.ops import PropertyOp
from sila_daemon.core.wire import decode_ops
from sila_daemon.server.limits.constants import FRAME_BYTES_MAX
from sila_daemon.server.spaces.frames import TOO_LARGE
from sila_daemon.server.sync.answers import decode_send
from sila_daemon.server.sync.packets import MALFORMED, UNREAD, SafeJson, SpacePacket, read_leniently

CONNECT, DISCONNECT, EVENT, ACK = range(4)


def decoded(text: Any) -> SpacePacket:
    """Decodes as the library does."""
    return SpacePacket(encoded_packet=text)


def test_an_event_is_its_name_and_the_text_of_its_payload() -> None:
    packet = decoded('2/spaces/abc,17["ops:send",{"a":1.50, "b":[]},"ignored"]')
    assert (packet.packet_type, packet.namespace, packet.id) == (EVENT, "/spaces/abc", 17)
    assert packet.data == ["ops:send", b'{"a":1.50, "b":[]}']
    assert decoded('2["x"]').data == ["x", None]


def test_a_lone_surrogate_stays_an_escape() -> None:
    name, payload = decoded('2/s,["ops:send",{"v":"\\ud83d","n":1}]').data
    assert name == "ops:send" and b'"\\ud83d"' in payload
    assert json.loads(payload) == {"v": "\ud83d", "n": 1}
    name, payload = decoded('2/s,["ops:send",{"\\ud83d":1}]').data
    assert json.loads(payload) == {"\ud83d": 1}


GOOD_OP = '{"id":{"counter":1,"peerId":"p"},"targetId":"v","key":"k","value":{"n":1.50}}'
BAD_VALUES = [
    "[" * 100_000 + "]" * 100_000, '{"a":' * 5_000 + "1" + "}" * 5_000, "NaN", "-Infinity",
    "1e999", "9" * 5_000,
]  # fmt: skip


@pytest.mark.parametrize("value", BAD_VALUES, ids=range(len(BAD_VALUES)))
def test_one_bad_value_refuses_neither_the_packet_nor_its_neighbours(value: str) -> None:
    bad = GOOD_OP.replace('{"n":1.50}', value).replace('"counter":1', '"counter":2')
    odd = GOOD_OP.replace('{"n":1.50}', '"\\ud83d"').replace('"counter":1', '"counter":3')
    body = f'["ops:send",{{"treeId":"abc","x":{value},"ops":[{GOOD_OP},{bad},{odd}]}}]'
    data = decoded(f"2/s,{body}").data
    name, payload = read_leniently(data[1]) if data[0] == UNREAD else data
    assert name == "ops:send"
    tree_id, text = decode_send(payload)
    ops, refused = decode_ops(text)
    assert tree_id == "abc"
    assert ops == [
        PropertyOp(1, "p", "v", "k", b'{"n":1.50}'),
        PropertyOp(3, "p", "v", "k", b'"\\ud83d"'),
    ]
    assert [(error.code, error.op_id) for error in refused] == [("value_not_json", (2, "p"))]


def test_connect_carries_an_object() -> None:
    packet = decoded('0/spaces/abc,{"token":"t"}')
    assert (packet.packet_type, packet.namespace) == (CONNECT, "/spaces/abc")
    assert packet.data == {"token": "t"}
    assert decoded("0/spaces/abc?x=1,").namespace == "/spaces/abc"
    assert decoded("0").data is None
    assert decoded("1/spaces/abc,").packet_type == DISCONNECT


@pytest.mark.parametrize("name", ["connect", "disconnect", "connect_error", MALFORMED, TOO_LARGE])
@pytest.mark.parametrize("tail", ["", ',"\\ud800"'])
def test_events_with_names_of_the_library_are_refused(name: str, tail: str) -> None:
    assert decoded(f"2/s,[{json.dumps(name)}{tail}]").data == [MALFORMED, None]


@pytest.mark.parametrize(
    "text",
    [
        '2/s,["x"', "2/s,", "2/s,{}", "2/s,[]", "2/s,[7]", "2/s,null", "2/s,[null]", "2/s,[[]]",
        "2/s,[" + "[" * 30_000, '51-/s,["x",{"_placeholder":true,"num":0}]', '2/s,["x",NaN',
    ],
)  # fmt: skip
def test_what_cannot_be_read_becomes_a_malformed_event(text: str) -> None:
    packet = decoded(text)
    assert (packet.packet_type, packet.namespace) == (EVENT, "/s")
    assert packet.data == [MALFORMED, None]


@pytest.mark.parametrize(
    "text",
    ["", "x", "9", "4{}", "3/s,1[]", "61-/s,1[]", b"\x00\xff", b"2[]", {"a": 1}, [], 7, None],
)
def test_garbage_becomes_an_acknowledgement_that_nobody_waits_for(text: Any) -> None:
    packet = SpacePacket()
    packet.decode(text)
    assert (packet.packet_type, packet.id, packet.data) == (ACK, -1, [])


def test_deep_auth_is_no_auth() -> None:
    assert decoded("0/spaces/abc," + '{"token":' * 50_000).data is None


def test_a_frame_beyond_the_limit_is_named_so() -> None:
    assert decoded('2/s,9["x","' + "a" * FRAME_BYTES_MAX + '"]').data == [TOO_LARGE, None]


def test_text_goes_out_as_it_is() -> None:
    assert SpacePacket(EVENT, '["x",{}]', "/s", None).encode() == '2/s,["x",{}]'
    assert SpacePacket(ACK, "[{}]", "/s", 3).encode() == "3/s,3[{}]"
    assert SpacePacket(CONNECT, {"sid": "a"}, "/s").encode() == '0/s,{"sid":"a"}'


def test_depth_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="deep"):
        SafeJson.loads("[" * 100_000)
