"""Values as JSON text: what is accepted, how it is written, what deletes."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from sila_daemon.core import json_value
from sila_daemon.core.errors import InvalidValueError


def double(bits: str) -> float:
    """Makes a double of its IEEE 754 bits in hex."""
    number: float = struct.unpack(">d", bytes.fromhex(bits))[0]
    return number


# RFC 8785, appendix B: number serialization samples.
RFC_8785_NUMBERS = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"),
    ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]


@pytest.mark.parametrize(("bits", "text"), RFC_8785_NUMBERS)
def test_numbers_are_written_as_in_rfc_8785(bits: str, text: str) -> None:
    assert json_value.canonical(double(bits)).decode() == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, b"1"),
        (1.0, b"1"),
        (-100, b"-100"),
        (10**20, b"100000000000000000000"),
        (2**53 + 1, b"9007199254740992"),
        (1e-7, b"1e-7"),
        (123.456e-9, b"1.23456e-7"),
        (0.1, b"0.1"),
        (True, b"true"),
        (False, b"false"),
        (None, b"null"),
        ("é\u2028\x7f/", '"é\u2028\x7f/"'.encode()),
        ('\x00\x1f\n\t"\\', b'"\\u0000\\u001f\\n\\t\\"\\\\"'),
        ("\ud83d", b'"\\ud83d"'),
        ("\ud83d\ude00", b'"\\ud83d\\ude00"'),
        ([], b"[]"),
        ({}, b"{}"),
        ([1, [None, {"a": []}]], b'[1,[null,{"a":[]}]]'),
    ],
)
def test_values_are_written_compactly(value: Any, text: bytes) -> None:
    assert json_value.canonical(value) == text
    assert json_value.encode(value) == text


def test_keys_are_sorted_by_utf_16_units_only_when_canonical() -> None:
    # The example of RFC 8785, section 3.2.3.
    value = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    order = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(json_value.decode(json_value.canonical(value))) == order
    assert list(json_value.decode(json_value.encode(value))) == list(value)


def nested(depth: int) -> Any:
    """Makes a value of so many lists in each other."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        float("nan"), float("inf"), -float("inf"), 10**400, [float("nan")], {"a": float("inf")},
        {1: 2}, {"a": {None: 1}}, (1, 2), {1, 2}, b"bytes", object(), nested(65), nested(100_000),
    ],
    ids=range(14),
)  # fmt: skip
def test_what_is_not_json_is_refused(value: Any) -> None:
    with pytest.raises(InvalidValueError):
        json_value.encode(value)
    with pytest.raises(InvalidValueError):
        json_value.canonical(value)


def test_values_may_be_as_deep_as_the_limit() -> None:
    assert json_value.decode(json_value.encode(nested(64))) == nested(64)


@pytest.mark.parametrize(
    "text",
    [
        b"NaN", b"Infinity", b"-Infinity", b"[NaN]", b"1e999", b"-1e999", b'{"a":[1e999]}',
        b"9" * 400, b"9" * 5000, b"[" * 65 + b"]" * 65, b"[" * 100_000 + b"]" * 100_000, b"[1",
    ],
    ids=range(12),
)  # fmt: skip
def test_texts_that_not_every_replica_would_keep_are_refused(text: bytes) -> None:
    with pytest.raises(InvalidValueError):
        json_value.check_text(text)


@pytest.mark.parametrize(
    "text",
    [b"1", b"-0.0", b'"x"', b"true", b"null", b"{}", b"[[[]]]", b'{"a":{"a":1}}', b'"\\ud83d"'],
)
def test_texts_that_are_well(text: bytes) -> None:
    assert json_value.check_text(text) is None


def test_a_key_that_comes_twice_is_remarked() -> None:
    remark = json_value.check_text(b'[{"a":1,"b":{"c":1,"c":1}}]')
    assert remark == "key 'c' appears twice in one object"


@pytest.mark.parametrize("text", [b"[1", b"NaN", b"[" * 100_000, b'"\xff"', b'["\\ud83d",'])
def test_texts_that_do_not_decode(text: bytes) -> None:
    with pytest.raises(InvalidValueError):
        json_value.decode(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"-0", 0), (b"-0.0", 0), (b"1.5", 1.5), (b'"\\ud83d"', "\ud83d"),
        (b'{"\\ud83d":["\\udc00"]}', {"\ud83d": ["\udc00"]}), (b'{"a":1,"a":2}', {"a": 2}),
    ],
)  # fmt: skip
def test_decoding(text: bytes, value: Any) -> None:
    decoded = json_value.decode(text)
    assert decoded == value
    assert str(decoded) == str(value)


@pytest.mark.parametrize("text", [None, b"{}", b"[]", b"{ }", b"[\t\r\n ]"])
def test_spellings_of_a_deletion(text: bytes | None) -> None:
    assert json_value.is_deletion(text)


@pytest.mark.parametrize("text", [b"null", b"0", b'""', b"false", b"[[]]", b'{"a":{}}', b'"{}"'])
def test_what_does_not_delete(text: bytes) -> None:
    assert not json_value.is_deletion(text)


def test_lone_surrogates_are_shown_as_the_replacement_character() -> None:
    assert json_value.displayable("a\ud83db\U0001f600") == "a\ufffdb\U0001f600"
