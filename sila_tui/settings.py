"""What a person sets for the screen: `tui.toml` beside the daemon's settings."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sila_daemon.core.errors import StorageError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

FILE_BYTES_MAX = 1 << 16


@dataclass(frozen=True)
class Settings:
    """All of it has a default."""

    keys: Mapping[str, str] = field(default_factory=dict)
    """The key that each pressed key stands for; an empty text makes a key do nothing."""


def read_settings(path: Path) -> Settings:
    """Reads the file, if there is one. Raises UsageError for what cannot be meant."""
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
    if len(data) > FILE_BYTES_MAX:
        raise _bad(path, f"it has more than {FILE_BYTES_MAX:,} bytes")
    try:
        known = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _bad(path, str(error)) from error
    unknown = sorted(known.keys() - {"keys"})
    if unknown:
        raise _bad(path, f"there is no setting {unknown[0]!a:.60}")
    keys = known.get("keys", {})
    if not isinstance(keys, dict):
        raise _bad(path, "keys is no table")
    for pressed, meant in keys.items():
        if not isinstance(meant, str) or not pressed:
            raise _bad(path, f"the key {pressed!a:.60} stands for no key")
    return Settings(keys)


def _bad(path: Path, what: str) -> UsageError:
    hint = 'for example: a line [keys], and below it "f5" = "s"'
    return UsageError(f"{path}: {what}", code="bad_config", hint=hint)
