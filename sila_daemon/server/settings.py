"""The settings of a server: `server.toml`, then `SILA_SERVER_*` variables, then flags."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_origin

import msgspec

from sila_daemon.core import toml_settings
from sila_daemon.core.toml_settings import bad_config, nearest, setting_names
from sila_daemon.server.files.file_store import FILE_BYTES_MAX
from sila_daemon.server.files.quotas import QuotaSettings
from sila_daemon.server.limits.traffic import TrafficSettings

FILE_NAME = "server.toml"
PREFIX = "SILA_SERVER_"
DATA_VARIABLE = "SILA_SERVER_DATA"

DEFAULT_PORT = 6001

LogLevel = Literal["debug", "info", "warning", "error"]


class ListenSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the server is reached, and by whom."""

    host: str = "127.0.0.1"
    """The address to listen on; `0.0.0.0` is all of them."""
    port: int = DEFAULT_PORT
    """0 takes any free one."""
    tls_cert: str = ""
    """A PEM file with the certificate and its chain; HTTPS is spoken when it is set."""
    tls_key: str = ""
    """A PEM file with the key of the certificate."""
    trusted_proxies: list[str] = []
    """Addresses and networks of proxies; the `X-Forwarded-*` of anybody else mean nothing."""
    allowed_origins: list[str] = []
    """Origins of web pages and desktop apps that may use the server, such as tauri://localhost."""
    connections_max: int = 10_000
    """Open connections; more are closed at once."""


class FilesSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How files are kept."""

    file_bytes_max: int = FILE_BYTES_MAX
    """Of one file."""
    upload_hours: int = 24
    """How long an unfinished upload waits for its next byte."""
    collect_after_days: int = 30
    """Files that no tree has referred to for so long are removed; 0 keeps them for ever."""


class AccountSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who gets an account, and how long what was deleted can be brought back."""

    sign_up: Literal["closed", "open"] = "closed"
    """`open`: strangers make accounts for themselves."""
    grace_days: int = 30
    """How long deleted users and spaces wait for their final removal."""


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is written to standard error."""

    level: LogLevel = "info"
    """`info` has one line for each request."""
    format: Literal["json", "text"] = "json"
    """`json`: one object a line, for programs; `text`: for people."""


class MetricsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may read `/metrics`, besides this machine."""

    token: str = ""
    """Sent as `Authorization: Bearer`; at least 16 characters, none by default."""


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All settings; each has a default that suits a small server."""

    listen: ListenSettings = ListenSettings()
    files: FilesSettings = FilesSettings()
    quota: QuotaSettings = QuotaSettings()
    accounts: AccountSettings = AccountSettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    traffic: TrafficSettings = TrafficSettings()


RANGES: dict[str, tuple[float, float]] = {
    "listen.port": (0, 65_535),
    "listen.connections_max": (10, 1_000_000),
    "files.file_bytes_max": (1 << 20, 1 << 44),
    "files.upload_hours": (1, 24 * 365),
    "files.collect_after_days": (0, 36_500),
    "quota.user_bytes_max": (0, 1 << 60),
    "quota.user_files_max": (0, 1 << 40),
    "quota.space_bytes_max": (0, 1 << 60),
    "quota.space_files_max": (0, 1 << 40),
    "accounts.grace_days": (0, 3650),
    "traffic.ops_per_second": (0, 1 << 40),
    "traffic.bytes_per_second": (0, 1 << 50),
    "traffic.connections_per_minute": (0, 1 << 30),
}
"""The least and the greatest value of every number."""

SECRETS = ("metrics.token",)
"""Settings that nobody prints."""


def read_settings(
    text: str, environment: Mapping[str, str], flags: Mapping[str, Any] | None = None
) -> ServerSettings:
    """Puts the settings together; `flags` are by `section.name`.

    Raises UsageError that names the setting, and the nearest one that exists.
    """
    found = toml_settings.read_toml(text)
    given = {**_from_environment(environment), **(flags or {})}
    for name, value in given.items():
        section, _, key = name.partition(".")
        entries = found.setdefault(section, {})
        if isinstance(entries, dict):
            entries[key] = value
    settings = toml_settings.convert(found, ServerSettings, RANGES)
    _check(settings)
    return settings


def read_settings_file(
    data: Path, environment: Mapping[str, str], flags: Mapping[str, Any] | None = None
) -> ServerSettings:
    """Puts the settings of a data folder together. Raises UsageError."""
    path = data / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise bad_config(f"{path} cannot be read: {error}") from error
    return read_settings(text, environment, flags)


def variable_of(name: str) -> str:
    """Returns the variable that stands for a setting."""
    return PREFIX + name.replace(".", "_").upper()


def shown(settings: ServerSettings) -> dict[str, Any]:
    """Returns every setting by `section.name`, secrets only as whether they are set."""
    values = {
        name: toml_settings.value_of(settings, name) for name in setting_names(ServerSettings)
    }
    for name in SECRETS:
        values[name] = "(set)" if values[name] else ""
    return values


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    kinds = {
        f"{section.name}.{field.name}": field.type
        for section in msgspec.structs.fields(ServerSettings)
        for field in msgspec.structs.fields(section.type)
    }
    names = {variable_of(name): name for name in kinds}
    found: dict[str, Any] = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable == DATA_VARIABLE:
            continue
        name = names.get(variable)
        if name is None:
            raise bad_config(f"there is no variable {variable}", nearest(variable, list(names)))
        kind = kinds[name]
        if kind is int:
            if not re.fullmatch(r"[+-]?\d{1,20}", text.strip()):
                raise bad_config(f"{variable} is no whole number")
            found[name] = int(text)
        elif get_origin(kind) is list:
            found[name] = [part.strip() for part in text.split(",") if part.strip()]
        else:
            found[name] = text
    return found


def _check(settings: ServerSettings) -> None:
    """Refuses what no single value shows to be wrong. Raises UsageError."""
    listen = settings.listen
    if bool(listen.tls_cert) != bool(listen.tls_key):
        raise bad_config("listen.tls_cert and listen.tls_key belong together")
    for proxy in listen.trusted_proxies:
        try:
            ipaddress.ip_network(proxy, strict=False)
        except ValueError:
            message = f"listen.trusted_proxies: {proxy!r} is no address or network"
            raise bad_config(message, "such as 127.0.0.1 or 10.0.0.0/8") from None
    if settings.metrics.token and len(settings.metrics.token) < 16:
        raise bad_config("metrics.token has fewer than 16 characters")
