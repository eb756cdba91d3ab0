"""The commands `serve` and `config`: settings from file, variables and flags."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sila_daemon.server.settings import ServerSettings

_FLAGS = {
    "host": "listen.host",
    "port": "listen.port",
    "tls_cert": "listen.tls_cert",
    "tls_key": "listen.tls_key",
    "trusted_proxy": "listen.trusted_proxies",
    "allow_origin": "listen.allowed_origins",
    "log_level": "log.level",
    "log_format": "log.format",
}
"""Arguments and the settings that they stand for."""


def add_serve_commands(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Adds `serve` and `config`."""
    for name, meaning in [
        ("serve", "serve until stopped"),
        ("config", "print the settings as `serve` would have them"),
    ]:
        parser = commands.add_parser(name, parents=[shared], help=meaning)
        parser.add_argument("--host", help="the address to listen on (127.0.0.1)")
        parser.add_argument("--port", type=_port, help="0 takes any free one (6001)")
        parser.add_argument("--tls-cert", metavar="FILE", help="speak HTTPS: certificate and chain")
        parser.add_argument("--tls-key", metavar="FILE", help="the key of the certificate")
        parser.add_argument(
            "--trusted-proxy",
            action="append",
            metavar="ADDRESS",
            help="believe what a proxy of this address or network says about clients; may be"
            " repeated",
        )
        parser.add_argument(
            "--allow-origin",
            action="append",
            metavar="ORIGIN",
            help="let web pages or desktop apps of this origin in, such as tauri://localhost; may"
            " be repeated; * means all (the server's own origin, and whatever sends none)",
        )
        parser.add_argument("--log-level", choices=["debug", "info", "warning", "error"])
        parser.add_argument("--log-format", choices=["json", "text"])


def settings_of(arguments: argparse.Namespace, data: Path) -> ServerSettings:
    """Puts the settings together. Raises UsageError."""
    from sila_daemon.server.settings import read_settings_file

    flags = {
        name: value
        for argument, name in _FLAGS.items()
        if (value := getattr(arguments, argument, None)) is not None
    }
    return read_settings_file(data, os.environ, flags)


def run_serve(arguments: argparse.Namespace, data: Path) -> int:
    """Serves until stopped."""
    from sila_daemon.ports.event_loop import run
    from sila_daemon.server import logs
    from sila_daemon.server.serving import serve

    settings = settings_of(arguments, data)
    logs.configure(settings.log)

    def on_ready(url: str) -> None:
        print(url, flush=True)

    run(serve(data, settings, on_ready))
    return 0


def shown_config(arguments: argparse.Namespace, data: Path) -> dict[str, Any]:
    """Returns the settings in force; secrets only as whether they are set."""
    from sila_daemon.server.settings import shown

    return shown(settings_of(arguments, data))


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65_535:
        raise ValueError(text)
    return number
