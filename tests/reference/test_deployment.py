"""The examples for proxies and services, and the how-to pages, use what there is."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path

import pytest

from sila_daemon.server import cli
from sila_daemon.server.http.proxies import TrustedProxies
from sila_daemon.server.settings import DATA_VARIABLE, DEFAULT_PORT, read_settings

DOCS = Path(__file__).resolve().parents[2] / "docs"
CADDY = (DOCS / "deploy" / "Caddyfile").read_text(encoding="utf-8")
NGINX = (DOCS / "deploy" / "nginx.conf").read_text(encoding="utf-8")
UNIT = (DOCS / "deploy" / "sila-server.service").read_text(encoding="utf-8")
AT_HOME = (DOCS / "how-to" / "server-at-home-behind-caddy.md").read_text(encoding="utf-8")
CONFIGURATION = (DOCS / "reference" / "server-configuration.md").read_text(encoding="utf-8")


def blocks(page: str, language: str = "") -> list[str]:
    """The fenced blocks of a page in a language."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [text for kind, text in found if kind == language]


@pytest.mark.parametrize("page", [AT_HOME, CONFIGURATION], ids=["at home", "configuration"])
def test_the_settings_of_the_pages_exist(page: str) -> None:
    found = blocks(page, "toml")
    assert found
    for block in found:
        settings = read_settings(block, {})
        assert settings.listen.trusted_proxies == ["127.0.0.1"]
        assert settings.listen.port == DEFAULT_PORT


@pytest.mark.parametrize("example", [CADDY, NGINX], ids=["caddy", "nginx"])
def test_the_proxies_send_to_the_port_that_the_server_takes(example: str) -> None:
    assert set(re.findall(r"127\.0\.0\.1:(\d+)", example)) == {str(DEFAULT_PORT)}
    (said,) = re.findall(r"needs: \[listen\] (.+)", example)
    assert TrustedProxies(read_settings(f"[listen]\n{said}", {}).listen.trusted_proxies).trusts(
        "127.0.0.1"
    )


def test_what_nginx_says_of_a_client_is_what_the_server_reads() -> None:
    said = dict(re.findall(r"proxy_set_header (\S+) (\S+);", NGINX))
    scope = {
        "type": "http", "client": ("127.0.0.1", 1), "scheme": "http",
        "headers": [
            (name.lower().encode(), {"$remote_addr": b"203.0.113.7", "$scheme": b"https",
                                     "$request_id": b"abc"}.get(value, b"sila.example.org"))
            for name, value in said.items()
        ],
    }  # fmt: skip
    asker = TrustedProxies(["127.0.0.1"]).asker(scope)
    assert (asker.address, asker.scheme, asker.request_id) == ("203.0.113.7", "https", "abc")
    assert said["Upgrade"] == "$http_upgrade" and "map $http_upgrade" in NGINX


def test_the_commands_of_the_page_exist() -> None:
    lines = [line for block in blocks(AT_HOME) for line in block.splitlines()]
    commands = [shlex.split(line.partition("#")[0]) for line in lines if "sila-server" in line]
    run = [words[index + 1 :] for words in commands for index, word in enumerate(words)
           if word.endswith("/sila-server") and "bin" in word]  # fmt: skip
    assert len(run) >= 2
    for arguments in run:
        assert cli._parser().parse_args(arguments).data == Path("/var/lib/sila-server")


def test_the_service_starts_the_command_on_the_folder_of_the_page() -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(UNIT)
    service = unit["Service"]
    assert service["Environment"] == f"{DATA_VARIABLE}=/var/lib/{service['StateDirectory']}"
    program, *arguments = service["ExecStart"].split()
    assert program in AT_HOME and cli._parser().parse_args(arguments).command == "serve"
    assert service["UMask"] == "0077" and service["StateDirectoryMode"] == "0700"


def test_links_of_the_pages_lead_somewhere() -> None:
    for path in sorted([*DOCS.glob("how-to/*.md"), *DOCS.glob("reference/server-*.md")]):
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
            assert (path.parent / link).exists(), f"{path.name}: {link}"
