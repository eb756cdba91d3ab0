"""`login`, `logout` and `whoami`. Passwords and tokens never come from the command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from sila_daemon.cli.daemon_call import ask
from sila_daemon.core.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from sila_daemon.cli.output import Output

_KEPT = {
    "keyring": "Its tokens are kept in this machine's keyring.",
    "file": "Its tokens are kept in a file that only you can read: no keyring answered.",
}


def login(arguments: argparse.Namespace, output: Output) -> None:
    """Signs in by a password or a token from standard input, or by a prompt."""
    proof: dict[str, Any] = {}
    if arguments.token_stdin:
        proof["token"] = _line_from_stdin("a token")
    elif not arguments.email:
        raise UsageError("login needs --email, or --token-stdin")
    elif arguments.password_stdin:
        proof["password"] = _line_from_stdin("a password")
    else:
        proof["password"] = prompt(f"Password of {arguments.email}: ", "--password-stdin")
    answer = ask(
        "server.login",
        url=arguments.url,
        email=arguments.email,
        insecure=arguments.insecure or None,
        **proof,
    )
    who = answer["email"] or "you"
    output.result(answer, [f"Signed in to {answer['url']} as {who}.", _KEPT[answer["store"]]])


def logout(arguments: argparse.Namespace, output: Output) -> None:
    """Signs out; the spaces stay, and are no longer exchanged with that server."""
    ask("server.logout", url=arguments.url)
    output.result({"url": arguments.url}, [f"Signed out of {arguments.url}."])


def whoami(arguments: argparse.Namespace, output: Output) -> int:
    """Lists accounts; exit code 5 when one of them has to sign in again."""
    answer = ask("server.list")
    servers = answer["servers"]
    if output.as_json or not servers:
        hint = "Nobody is signed in. Sign in with: sila-daemon login URL --email YOU"
        output.result(answer, [hint])
    else:
        rows = [
            [server["url"], server["email"] or "", server["reason"] or "signed in", server["store"]]
            for server in servers
        ]
        output.table(("server", "account", "state", "tokens in"), rows)
    return 0 if all(server["signedIn"] for server in servers) else 5


def prompt(question: str, instead: str) -> str:
    """Asks on the terminal without showing what is typed. Raises UsageError where there is none."""
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", hint=f"use {instead}")
    from getpass import getpass

    try:
        return getpass(question)
    except EOFError:
        raise UsageError("nothing was typed", hint=f"type it, or use {instead}") from None


def text_from_stdin() -> str:
    """Returns all of standard input. Raises UsageError when it is not UTF-8."""
    return _decoded(sys.stdin.buffer.read())


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UsageError(
            "standard input is not UTF-8 text", hint="keep other data as a file: file put"
        ) from error


def _line_from_stdin(what: str) -> str:
    text = _decoded(sys.stdin.buffer.readline()).rstrip("\r\n")
    if not text:
        raise UsageError(f"standard input holds no {what.removeprefix('a ')}")
    return text
