"""The settings a person may write: a TOML file with defaults, checked whole before it is used."""

from __future__ import annotations

import difflib
import re
import tomllib
from typing import Any, Literal, get_args, get_origin

import msgspec

from sila_daemon.core.errors import UsageError

LogLevel = Literal["debug", "info", "warning", "error"]


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is written to the log file, and how much of it is kept."""

    level: LogLevel = "info"
    file_bytes_max: int = 5_000_000
    file_count_max: int = 4


class FolderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How space folders are looked after."""

    scan_interval_s: float = 60.0
    """A scan finds what file events missed."""
    append_interval_s: float = 0.5


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How servers are talked to."""

    retry_delay_s_max: float = 60.0


class CredentialsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where tokens are kept."""

    store: Literal["auto", "file"] = "auto"
    """`auto` takes the platform's keyring when a real one answers, else a file."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings; each has a default that suits most people."""

    log: LogSettings = LogSettings()
    folder: FolderSettings = FolderSettings()
    server: ServerSettings = ServerSettings()
    credentials: CredentialsSettings = CredentialsSettings()


_RANGES = {
    "log.file_bytes_max": (10_000, 1_000_000_000),
    "log.file_count_max": (1, 100),
    "folder.scan_interval_s": (1.0, 86_400.0),
    "folder.append_interval_s": (0.05, 60.0),
    "server.retry_delay_s_max": (1.0, 3600.0),
}


def parse(text: str) -> Config:
    """Reads TOML. Raises UsageError that names the setting, and the nearest one that exists."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _bad(f"the configuration is not TOML: {error}") from error
    known = setting_names()
    for name in _flattened(found):
        if name not in known:
            raise _bad(f"there is no setting {name}", _nearest(name, known))
    try:
        config = msgspec.convert(found, Config, strict=True)
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at `$.")
        name = place.rstrip("`")
        raise _bad(f"{name or 'the file'}: {said}", _choices(name)) from error
    for name, (low, high) in _RANGES.items():
        value = get(config, name)
        if not low <= value <= high:
            raise _bad(f"{name} is {value}, and must be from {low} to {high}")
    return config


def setting_names() -> list[str]:
    """Every setting as `section.name`, in the order of the file."""
    return [
        f"{section.name}.{field.name}"
        for section in msgspec.structs.fields(Config)
        for field in msgspec.structs.fields(section.type)
    ]


def get(config: Config, name: str) -> Any:
    """Returns one setting by its full name. Raises UsageError."""
    known = setting_names()
    if name not in known:
        raise _bad(f"there is no setting {name}", _nearest(name, known))
    section, _, key = name.partition(".")
    return getattr(getattr(config, section), key)


def with_setting(text: str, name: str, value: str) -> str:
    """Returns the TOML `text` with one setting changed and everything else, comments too, kept.

    Raises UsageError when the result would not be a valid configuration.
    """
    get(Config(), name)
    section, _, key = name.partition(".")
    line = f"{key} = {_literal(value)}"
    lines = text.splitlines()
    start = next((i for i, found in enumerate(lines) if _is_header(found, section)), None)
    if start is None:
        lines += ["", f"[{section}]", line] if lines else [f"[{section}]", line]
    else:
        end = next(
            (i for i in range(start + 1, len(lines)) if lines[i].lstrip().startswith("[")),
            len(lines),
        )
        for index in range(start + 1, end):
            if re.match(rf"\s*{re.escape(key)}\s*=", lines[index]):
                lines[index] = line
                break
        else:
            lines.insert(start + 1, line)
    changed = "\n".join(lines) + "\n"
    parse(changed)
    return changed


def _is_header(line: str, section: str) -> bool:
    return re.fullmatch(rf"\s*\[\s*{re.escape(section)}\s*\]\s*(#.*)?", line) is not None


def _literal(value: str) -> str:
    """A number as it is, anything else as a TOML string."""
    if re.fullmatch(r"[+-]?\d+(\.\d+)?|true|false", value):
        return value
    return msgspec.json.encode(value).decode()


def _flattened(found: dict[str, Any]) -> list[str]:
    names = []
    for section, entries in found.items():
        if isinstance(entries, dict):
            names += [f"{section}.{key}" for key in entries]
        else:
            names.append(section)
    return names


def _choices(name: str) -> str:
    """What a setting of a few words can be; empty for any other."""
    section, _, key = name.partition(".")
    for group in msgspec.structs.fields(Config):
        for field in msgspec.structs.fields(group.type):
            if (group.name, field.name) == (section, key) and get_origin(field.type) is Literal:
                return f"it can be {', '.join(get_args(field.type))}"
    return ""


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if not near:
        near = [full for full in known if full.endswith(f".{name}")][:1]
    return f"did you mean {near[0]}?" if near else f"the settings are: {', '.join(known)}"


def _bad(message: str, hint: str = "") -> UsageError:
    return UsageError(message, code="bad_config", hint=hint)
