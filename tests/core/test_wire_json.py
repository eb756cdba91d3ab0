"""Packets' JSON: payloads come and go as text, whatever stands in them."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import Raw

from sila_daemon.core import wire_json


def test_an_event_keeps_its_payload_as_text() -> None:
    payload = '{"n": 1.0e2, "s": "\\ud83d", "b": {"y":1, "x":2}}'
    name, argument = wire_json.loads(f'["ops:send", {payload} , 1]')[:2]
    assert name == "ops:send"
    assert isinstance(argument, Raw)
    assert bytes(argument) == payload.encode()


def test_an_event_goes_out_with_its_payload_unchanged() -> None:
    payload = b'{"n": 1.0e2, "s": "\\ud83d"}'
    assert wire_json.dumps(["ops:send", Raw(payload)]) == f'["ops:send",{payload.decode()}]'


def test_a_lone_surrogate_outside_a_payload_goes_out_as_an_escape() -> None:
    text = wire_json.dumps(["x", {"title": "cut \ud83d", "raw": Raw(b"1.0")}])
    assert text == '["x",{"title":"cut \\ud83d","raw":1.0}]'
    assert wire_json.dumps({"a\ud83d": [None, 1, True]}) == '{"a\\ud83d":[null,1,true]}'


def test_a_handshake_is_decoded_as_usual() -> None:
    assert wire_json.loads('{"token":"x","protocol":2}') == {"token": "x", "protocol": 2}
    assert wire_json.loads('{"name":"\\ud83d"}') == {"name": "\ud83d"}
    assert wire_json.loads(b'[{"ok":true}]') == [Raw(b'{"ok":true}')]


@pytest.mark.parametrize("text", ["[", "[1", "{", "nope", "[" * 100_000, '{"a":' * 100_000])
def test_what_is_not_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        wire_json.loads(text)


@pytest.mark.parametrize("extra", ["", ', "\\ud83d"'])
def test_a_payload_deeper_than_any_parser_does_not_refuse_the_packet(extra: str) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    name, payload, *_ = wire_json.loads(f'["ops:receive", {{"ops": [{deep}]}}{extra}]')
    assert name == "ops:receive"
    assert bytes(payload).decode() == f'{{"ops": [{deep}]}}'
    with pytest.raises(ValueError):
        wire_json.loads(f'["name" x, {deep}]')


def test_an_argument_does_not_keep_the_packet_alive() -> None:
    (argument,) = wire_json.loads('[{"a":1}]')
    assert msgspec.json.decode(argument) == {"a": 1}
    assert memoryview(argument).nbytes == len('{"a":1}')
