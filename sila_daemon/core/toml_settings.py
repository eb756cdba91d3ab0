"""Settings in TOML, in sections of a msgspec struct: checked whole before anything uses them."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from sila_daemon.core.errors import UsageError

T = TypeVar("T", bound=msgspec.Struct)

Ranges = Mapping[str, tuple[float, float]]
"""The least and the greatest value of numbers, by `section.name`."""


def read_toml(text: str) -> dict[str, Any]:
    """Reads TOML. Raises UsageError."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise bad_config(f"the configuration is not TOML: {error}") from error


def convert(found: Mapping[str, Any], kind: type[T], ranges: Ranges) -> T:
    """Makes settings of what was found; the others keep their defaults.

    Raises UsageError that names the setting, and the nearest one that exists.
    """
    known = setting_names(kind)
    for name in _flattened(found):
        if name not in known:
            raise bad_config(f"there is no setting {name}", nearest(name, known))
    try:
        config = msgspec.convert(found, kind, strict=True)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at `$.")
        name = place.rstrip("`")
        raise bad_config(f"{name or 'the file'}: {said}", _choices(name, kind)) from error
    for name, (low, high) in ranges.items():
        value = value_of(config, name)
        if not low <= value <= high:
            raise bad_config(f"{name} is {value}, and must be from {low} to {high}")
    return config


def setting_names(kind: type[msgspec.Struct]) -> list[str]:
    """Every setting as `section.name`, in the order of the file."""
    return [
        f"{section.name}.{field.name}"
        for section in msgspec.structs.fields(kind)
        for field in msgspec.structs.fields(section.type)
    ]


def value_of(config: msgspec.Struct, name: str) -> Any:
    """Returns one setting by its full name. Raises UsageError."""
    known = setting_names(type(config))
    if name not in known:
        raise bad_config(f"there is no setting {name}", nearest(name, known))
    section, _, key = name.partition(".")
    return getattr(getattr(config, section), key)


def nearest(name: str, known: list[str]) -> str:
    """Says which setting may have been meant."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if not near:
        near = [full for full in known if full.endswith(f".{name}")][:1]
    return f"did you mean {near[0]}?" if near else f"the settings are: {', '.join(known)}"


def bad_config(message: str, hint: str = "") -> UsageError:
    """Makes the error that a wrong configuration is."""
    return UsageError(message, code="bad_config", hint=hint)


def _flattened(found: Mapping[str, Any]) -> list[str]:
    names = []
    for section, entries in found.items():
        if isinstance(entries, dict):
            names += [f"{section}.{key}" for key in entries]
        else:
            names.append(section)
    return names


def _choices(name: str, kind: type[msgspec.Struct]) -> str:
    """What a setting of a few words can be; empty for any other."""
    section, _, key = name.partition(".")
    for group in msgspec.structs.fields(kind):
        for field in msgspec.structs.fields(group.type):
            if (group.name, field.name) == (section, key) and get_origin(field.type) is Literal:
                return f"it can be {', '.join(get_args(field.type))}"
    return ""
