"""Settings from the file, the environment and flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sila_daemon.core.errors import UsageError
from sila_daemon.core.toml_settings import setting_names
from sila_daemon.server.settings import (
    RANGES,
    ServerSettings,
    read_settings,
    read_settings_file,
    shown,
    variable_of,
)


def test_flags_go_before_variables_and_these_before_the_file() -> None:
    text = "[listen]\nhost = '1.1.1.1'\nport = 1\ntrusted_proxies = ['10.0.0.0/8']\n"
    environment = {
        "SILA_SERVER_LISTEN_PORT": "2", "SILA_SERVER_LISTEN_HOST": "2.2.2.2",
        "SILA_SERVER_LISTEN_ALLOWED_ORIGINS": "https://a.org, https://b.org",
        "SILA_SERVER_DATA": "/anywhere", "OTHER": "x",
    }  # fmt: skip
    listen = read_settings(text, environment, {"listen.host": "3.3.3.3"}).listen
    assert (listen.host, listen.port) == ("3.3.3.3", 2)
    assert listen.trusted_proxies == ["10.0.0.0/8"]
    assert listen.allowed_origins == ["https://a.org", "https://b.org"]
    assert read_settings("", {}) == ServerSettings()


@pytest.mark.parametrize(
    ("text", "environment", "message", "hint"),
    [
        ("[listen]\nprot = 1", {}, "no setting listen.prot", "listen.port"),
        ("[lisen]\nport = 1", {}, "no setting lisen.port", "listen.port"),
        ("port = 1", {}, "no setting port", "listen.port"),
        ("listen = 3", {}, "no setting listen", ""),
        ("", {"SILA_SERVER_LISTEN_PROT": "1"}, "SILA_SERVER_LISTEN_PROT", "LISTEN_PORT"),
        ("", {"SILA_SERVER_LISTEN_PORT": "x"}, "no whole number", ""),
        ("", {"SILA_SERVER_LISTEN_PORT": "70000"}, "must be from 0 to 65535", ""),
        ("[listen]\nport = '1'", {}, "listen.port", ""),
        ("[log]\nlevel = 'loud'", {}, "log.level", "debug"),
        ("[listen]\ntls_cert = 'x'", {}, "belong together", ""),
        ("[listen]\ntrusted_proxies = ['proxy']", {}, "no address", "10.0.0.0/8"),
        ("[metrics]\ntoken = 'short'", {}, "fewer than 16", ""),
        ("[listen\n", {}, "not TOML", ""),
    ],
)
def test_what_is_wrong_is_named(
    text: str, environment: dict[str, str], message: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=message.replace(".", r"\.")) as caught:
        read_settings(text, environment)
    assert hint in caught.value.hint and caught.value.code == "bad_config"


def test_every_number_has_a_range_and_every_setting_a_variable() -> None:
    defaults: Any = msgspec.to_builtins(ServerSettings())
    for name in setting_names(ServerSettings):
        section, _, key = name.partition(".")
        is_number = type(defaults[section][key]) is int
        assert (name in RANGES) is is_number, name
        if is_number:
            low, high = RANGES[name]
            for value in (low - 1, high + 1):
                with pytest.raises(UsageError):
                    read_settings("", {variable_of(name): str(int(value))})
            assert shown(read_settings("", {variable_of(name): str(int(high))}))[name] == high


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "server.toml").write_text("[metrics]\ntoken = 'abcdefghijklmnopqrst'\n")
    settings = read_settings_file(tmp_path, {})
    assert settings.metrics.token == "abcdefghijklmnopqrst"
    assert "abcdefgh" not in str(shown(settings))
    (tmp_path / "server.toml").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="cannot be read"):
        read_settings_file(tmp_path, {})
