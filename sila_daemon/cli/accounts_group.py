"""The commands that sign in and out of servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.cli.command_tree import CommandTree

_HANDLERS = "sila_daemon.cli.accounts"


def add_parsers(commands: CommandTree) -> None:
    """Adds `login`, `logout` and `whoami`."""
    login = commands.add("login", "Sign in to a server.", f"{_HANDLERS}:login")
    login.add_argument("url", metavar="URL")
    login.add_argument("--email", metavar="EMAIL")
    proof = login.add_mutually_exclusive_group()
    proof.add_argument(
        "--password-stdin", action="store_true", help="read the password from standard input"
    )
    proof.add_argument(
        "--token-stdin", action="store_true", help="read an access token from standard input"
    )
    login.add_argument(
        "--insecure", action="store_true", help="allow http:// to another machine, unencrypted"
    )
    logout = commands.add("logout", "Sign out of a server.", f"{_HANDLERS}:logout")
    logout.add_argument("url", metavar="URL")
    commands.add("whoami", "Show who is signed in where.", f"{_HANDLERS}:whoami")
