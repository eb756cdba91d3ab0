"""Property values as JSON text: checked once when they come in, decoded only when read.

A value travels through log, wire and memory as the bytes of its JSON text, so that nothing is
lost on the way: not the spelling of a number, not a lone surrogate (which the original writes as
an escape when it cuts a title inside an emoji). `canonical` is RFC 8785 (JSON Canonicalization
Scheme) with lone surrogates escaped, numbers as ECMAScript prints doubles.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import msgspec

from sila_daemon.core.errors import InvalidValueError

Json = Any
"""None, bool, int, float, str, list of Json or dict of str to Json."""

DEPTH_MAX = 64
"""Deeper values could exhaust the stack of a reader."""

_quote = json.encoder.encode_basestring
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_SAFE_INTEGER_MAX = 2**53 - 1
_BLANKS = b" \t\r\n"
_CONTAINER_STARTS = frozenset(b"{[")
_SCALAR_STARTS = frozenset(b'"tfn')


def check_text(text: bytes) -> str | None:
    """Checks the JSON text of one value that is known to parse as JSON syntax.

    Returns None when all is well, or a remark when it is readable yet odd (a key twice in one
    object: the last one counts, as in JavaScript). Raises InvalidValueError for a number that
    is not finite and for nesting deeper than DEPTH_MAX.
    """
    if text[0] in _SCALAR_STARTS:
        return None
    doubled: list[str] = []

    def pairs(items: list[tuple[str, Json]]) -> dict[str, Json]:
        found = dict(items)
        if len(found) != len(items):
            doubled.append(next(key for i, (key, _) in enumerate(items) if key in dict(items[:i])))
        return found

    try:
        value = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=pairs)
    except RecursionError:
        raise InvalidValueError(f"nested deeper than {DEPTH_MAX}") from None
    except ValueError as error:
        raise InvalidValueError(f"not JSON: {error}") from None
    check_value(value)
    return f"key {doubled[0]!a} appears twice in one object" if doubled else None


def one_line(text: bytes) -> bytes:
    """Returns the JSON text of a value without line breaks, so that it fits into a line of a file.

    They are blanks between its parts: within a string they stand as escapes.
    """
    if b"\n" not in text and b"\r" not in text:
        return text
    return text.replace(b"\n", b" ").replace(b"\r", b" ")


def check_value(value: Json) -> None:
    """Checks a decoded value: JSON types only, finite numbers, at most DEPTH_MAX deep.

    Raises InvalidValueError.
    """
    _check(value, DEPTH_MAX)


def _check(value: Json, depth_left: int) -> None:
    kind = type(value)
    if value is None or kind is str or kind is bool:
        return
    if kind is float or kind is int:
        if not _is_double(value):
            raise InvalidValueError("a number that is not finite")
        return
    if depth_left == 0:
        raise InvalidValueError(f"nested deeper than {DEPTH_MAX}")
    if kind is list:
        for item in value:
            _check(item, depth_left - 1)
        return
    if kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise InvalidValueError("an object key that is not a string")
            _check(item, depth_left - 1)
        return
    raise InvalidValueError(f"a value of type {kind.__name__} is not JSON")


def check_integers(value: Json) -> None:
    """Checks that every integer of a valid value is one that JavaScript counts exactly.

    Others are read wherever they come from, as the nearest double; ours makes none. Raises
    InvalidValueError.
    """
    if type(value) is int and abs(value) > _SAFE_INTEGER_MAX:
        raise InvalidValueError("an integer beyond 2^53-1: other replicas would change it")
    if type(value) is list:
        for item in value:
            check_integers(item)
    elif type(value) is dict:
        for item in value.values():
            check_integers(item)


def _is_double(number: float) -> bool:
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def decode(text: bytes) -> Json:
    """Decodes the JSON text of one value; `-0` becomes 0. Raises InvalidValueError."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # msgspec refuses lone surrogates; the standard library keeps them.
        try:
            value = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise InvalidValueError(f"not JSON: {error}") from None
    except RecursionError:
        raise InvalidValueError(f"nested deeper than {DEPTH_MAX}") from None
    return 0 if type(value) is float and value == 0 else value


def encode(value: Json) -> bytes:
    """Encodes a value compactly, keys in their own order. Raises InvalidValueError."""
    if type(value) is str or value is None or type(value) is bool:
        try:
            return msgspec.json.encode(value)
        except UnicodeEncodeError:
            pass  # A lone surrogate, written as an escape below.
    check_value(value)
    return _render(value, in_order=False).encode()


def canonical(value: Json) -> bytes:
    """Encodes a value as RFC 8785 does, lone surrogates escaped. Raises InvalidValueError."""
    check_value(value)
    return _render(value, in_order=True).encode()


def is_deletion(text: bytes | None) -> bool:
    """Tells whether the value of a property op deletes: absent, or a top-level `{}` or `[]`."""
    if text is None:
        return True
    return text[0] in _CONTAINER_STARTS and not text[1:-1].strip(_BLANKS)


def displayable(text: str) -> str:
    """Shows lone surrogates as U+FFFD, as the original does on a screen."""
    return _LONE_SURROGATE.sub("\ufffd", text)


def _render(value: Json, *, in_order: bool) -> str:
    kind = type(value)
    if kind is str:
        return _text(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is float:
        return _number(value)
    if kind is list:
        return "[" + ",".join(_render(item, in_order=in_order) for item in value) + "]"
    keys = sorted(value, key=_utf16) if in_order else value
    members = (_text(key) + ":" + _render(value[key], in_order=in_order) for key in keys)
    return "{" + ",".join(members) + "}"


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")


def _text(text: str) -> str:
    quoted = _quote(text)
    return _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def _number(number: float) -> str:
    """Prints a double as ECMAScript's Number::toString does (ECMA-262, 6.1.6.1.20)."""
    if type(number) is int and abs(number) <= _SAFE_INTEGER_MAX:
        return str(number)
    double = float(number)
    if double == 0:
        return "0"
    sign = "-" if double < 0 else ""
    mantissa, _, exponent = f"{abs(double)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    if fraction == "0":
        fraction = ""
    point = len(whole) + int(exponent or 0)
    digits = (whole + fraction).lstrip("0")
    point -= len(whole + fraction) - len(digits)
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    power = f"e{point - 1:+d}"
    return sign + digits[0] + ("." + digits[1:] if count > 1 else "") + power


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
