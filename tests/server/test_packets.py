"""Packets keep payloads as JSON text and never raise, whatever comes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sila_daemon.server.frames import TOO_LARGE
from sila_daemon.server.limits import FRAME_BYTES_MAX
from sila_daemon.server.packets import MALFORMED, SafeJson, SpacePacket

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
