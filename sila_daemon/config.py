"""The settings a person may write: a TOML file with defaults, checked whole before it is used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from sila_daemon.core import toml_settings
from sila_daemon.folder.problems import storage_errors
from sila_daemon.ports.durable_files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.ports.disk import Disk
    from sila_daemon.ports.randomness import Randomness

LogLevel = Literal["debug", "info", "warning", "error"]


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is written to the log file, and how much of it is kept."""

    level: LogLevel = "info"
    file_bytes_max: int = 5_000_000
    file_count_max: int = 4


class FolderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How space folders are looked after."""

    scan_interval_s: float = 120.0
    """A scan finds what file events missed."""
    append_interval_s: float = 0.5


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How servers are talked to."""

    retry_delay_s_max: float = 60.0


class GuardSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is too much to delete or overwrite at once without asking."""

    share: float = 0.3
    """Of the vertices of a space; 1 asks never."""
    vertices_min: int = 50
    """Fewer are never too many."""
    window_s: float = 600.0
    """So long changes of one source count as made at once."""


class CredentialsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where tokens are kept."""

    store: Literal["auto", "file"] = "auto"
    """`auto` takes the platform's keyring when a real one answers, else a file."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings; each has a default that suits most people."""

    log: LogSettings = LogSettings()
    folder: FolderSettings = FolderSettings()
    server: ServerSettings = ServerSettings()
    guard: GuardSettings = GuardSettings()
    credentials: CredentialsSettings = CredentialsSettings()


_RANGES = {
    "log.file_bytes_max": (10_000, 1_000_000_000),
    "log.file_count_max": (1, 100),
    "folder.scan_interval_s": (1.0, 86_400.0),
    "folder.append_interval_s": (0.05, 60.0),
    "server.retry_delay_s_max": (1.0, 3600.0),
    "guard.share": (0.01, 1.0),
    "guard.vertices_min": (1, 1_000_000_000),
    "guard.window_s": (1.0, 86_400.0),
}


def parse(text: str) -> Config:
    """Reads TOML. Raises UsageError that names the setting, and the nearest one that exists."""
    return toml_settings.convert(toml_settings.read_toml(text), Config, _RANGES)


def setting_names() -> list[str]:
    """Every setting as `section.name`, in the order of the file."""
    return toml_settings.setting_names(Config)


def template() -> str:
    """Returns a file that changes nothing: every setting with its default, commented out."""
    lines = ["# Settings of sila-daemon. What stands behind a # is what counts without it."]
    section = ""
    for name in setting_names():
        above, _, key = name.partition(".")
        if above != section:
            section = above
            lines += ["", f"[{section}]"]
        lines.append(f"# {key} = {msgspec.json.encode(get(Config(), name)).decode()}")
    return "\n".join(lines) + "\n"


def get(config: Config, name: str) -> Any:
    """Returns one setting by its full name. Raises UsageError."""
    return toml_settings.value_of(config, name)


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


def save(disk: Disk, path: Path, text: str, randomness: Randomness) -> None:
    """Replaces the file whole; it survives a crash when this returns. Raises StorageError."""
    with storage_errors(f"write {path}"):
        write_atomic(disk, path, text.encode(), randomness)


def _is_header(line: str, section: str) -> bool:
    return re.fullmatch(rf"\s*\[\s*{re.escape(section)}\s*\]\s*(#.*)?", line) is not None


def _literal(value: str) -> str:
    """A number as it is, anything else as a TOML string."""
    if re.fullmatch(r"[+-]?\d+(\.\d+)?|true|false", value):
        return value
    return msgspec.json.encode(value).decode()
