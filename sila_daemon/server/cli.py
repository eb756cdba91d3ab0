"""The command `sila-server`. Heavy parts are imported when a command needs them."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sila_daemon.core.errors import AlreadyRunningError, SilaError, StorageError, UsageError
from sila_daemon.server.cli_serve import add_serve_commands, run_serve, shown_config
from sila_daemon.server.commands.admin_client import NOT_SERVING, ask_server, socket_path

DATA_VARIABLE = "SILA_SERVER_DATA"
BUSY_SECONDS_MAX = 10.0
"""How long a command waits for a folder that another one is using."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        data = _data_folder(arguments)
        if arguments.command == "serve":
            return run_serve(arguments, data)
        if arguments.command == "config":
            _report(arguments, shown_config(arguments, data))
        elif arguments.command == "openapi":
            _report_document(arguments)
        else:
            _report(arguments, _result(arguments, data))
    except SilaError as error:
        return _fail(arguments, error)
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # The last resort promises a code and no traceback.
        if os.environ.get("SILA_DEBUG"):
            raise
        return _fail(arguments, SilaError(f"{type(error).__name__}: {error}"))
    return 0


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    # Before or after the subcommand: a default here would overwrite what stands before it.
    shared.add_argument("--data", type=Path, default=argparse.SUPPRESS, help="the data folder")
    shared.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON document"
    )
    parser = argparse.ArgumentParser("sila-server", parents=[shared], description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_serve_commands(commands, shared)
    _add_user_commands(commands.add_parser("user", help="accounts"), shared)
    _add_space_commands(commands.add_parser("space", help="spaces"), shared)
    _add_key_commands(commands.add_parser("key", help="the key that signs tokens"), shared)
    _add_audit_commands(commands.add_parser("audit", help="who did what"), shared)
    commands.add_parser(
        "openapi", parents=[shared], help="print what the server answers, as OpenAPI 3.1"
    )
    return parser


def _add_user_commands(parser: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", parents=[shared], help="add an account")
    add.add_argument("email")
    add.add_argument("--password-stdin", action="store_true", help="read the password from stdin")
    add.add_argument("--admin", action="store_true")
    actions.add_parser("list", parents=[shared], help="list the accounts")
    token = actions.add_parser("token", parents=[shared], help="print a token for an account")
    token.add_argument("email")
    token.add_argument("--days", type=int, default=7)
    password = actions.add_parser("password", parents=[shared], help="set a password")
    password.add_argument("email")
    password.add_argument("--password-stdin", action="store_true")

    remove = actions.add_parser(
        "remove", parents=[shared], help="delete an account, and the spaces that only it owns"
    )
    remove.add_argument("email")
    remove.add_argument(
        "--force", action="store_true", help="even where others use a space that only it owns"
    )
    remove.add_argument("--now", action="store_true", help="for good, with no time to undo it")
    for name, words in (
        ("restore", "bring a deleted account back, with the spaces deleted with it"),
        ("disable", "sign an account out everywhere and keep it from signing in"),
        ("enable", "let a disabled account sign in again"),
        ("sessions", "list where an account is signed in"),
    ):
        actions.add_parser(name, parents=[shared], help=words).add_argument("email")
    out = actions.add_parser("sign-out", parents=[shared], help="end the sessions of an account")
    out.add_argument("email")
    out.add_argument("session", nargs="?", help="only this one (an id, or how it begins)")


def _add_key_commands(parser: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    rotate = actions.add_parser(
        "rotate", parents=[shared], help="sign with a new key; nobody is signed out"
    )
    rotate.add_argument(
        "--leaked", action="store_true", help="give the old ones up at once; signs everybody out"
    )


def _add_audit_commands(parser: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    entries = actions.add_parser("list", parents=[shared], help="the newest entries first")
    entries.add_argument("--space")
    entries.add_argument("--user", metavar="EMAIL")
    entries.add_argument("--limit", type=int, default=50)


def _add_space_commands(parser: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", parents=[shared], help="list the spaces")
    create = actions.add_parser("create", parents=[shared], help="make a space")
    create.add_argument("--name", required=True)
    create.add_argument("--owner", required=True, metavar="EMAIL")
    take = actions.add_parser("import", parents=[shared], help="import a space folder or a zip")
    take.add_argument("folder", type=Path, metavar="FOLDER_OR_ZIP")
    take.add_argument("--force", action="store_true", help="take a zip of any size")
    take.add_argument("--owner", required=True, metavar="EMAIL")
    export = actions.add_parser("export", parents=[shared], help="write a space as a zip")
    export.add_argument("space")
    export.add_argument("out", type=Path)
    collect = actions.add_parser(
        "collect", parents=[shared], help="remove files that no tree has referred to for long"
    )
    collect.add_argument("space")
    collect.add_argument("--dry-run", action="store_true", help="only list them")
    share = actions.add_parser("share", parents=[shared], help="give somebody a role")
    share.add_argument("space")
    share.add_argument("email")
    share.add_argument("--role", required=True, choices=["owner", "editor", "viewer"])
    unshare = actions.add_parser("unshare", parents=[shared], help="take somebody out")
    unshare.add_argument("space")
    unshare.add_argument("email")
    members = actions.add_parser("members", parents=[shared], help="list who may use a space")
    members.add_argument("space")
    delete = actions.add_parser("delete", parents=[shared], help="delete a space")
    delete.add_argument("space")
    delete.add_argument("--now", action="store_true", help="for good, with no time to undo it")
    undelete = actions.add_parser("undelete", parents=[shared], help="bring a deleted space back")
    undelete.add_argument("space")


def _data_folder(arguments: argparse.Namespace) -> Path:
    chosen: Path | None = getattr(arguments, "data", None)
    if chosen is None and os.environ.get(DATA_VARIABLE):
        chosen = Path(os.environ[DATA_VARIABLE])
    if chosen is None:
        import platformdirs

        chosen = platformdirs.user_data_path("sila-server", appauthor=False)
    return chosen.expanduser().absolute()


def _result(arguments: argparse.Namespace, data: Path) -> Any:
    name = f"{arguments.command} {arguments.action}"
    args = {
        key: str(value.absolute()) if isinstance(value, Path) else value
        for key, value in vars(arguments).items()
        if key not in ("data", "json", "command", "action", "password_stdin")
    }
    if name in ("user add", "user password"):
        args["password"] = _password(arguments, is_needed=name == "user password")
    deadline = time.monotonic() + BUSY_SECONDS_MAX
    while True:
        try:
            return _run_somewhere(data, name, args)
        except AlreadyRunningError:
            # Another command has the folder for a moment, or a server that starts or stops.
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def _run_somewhere(data: Path, name: str, args: dict[str, Any]) -> Any:
    """Asks a server that runs, or runs the command in this process."""
    if socket_path(data).exists():
        try:
            return ask_server(data, name, args)
        except StorageError as error:
            if error.code != NOT_SERVING:
                raise
            # The socket was left by a server that was killed, unless somebody holds the lock.
    return asyncio.run(_run_here(data, name, args))


async def _run_here(data: Path, name: str, args: dict[str, Any]) -> Any:
    from sila_daemon.server.commands.registry import run_command
    from sila_daemon.server.locks import data_lock
    from sila_daemon.server.ports import system_ports
    from sila_daemon.server.settings import read_settings_file
    from sila_daemon.server.world import World

    with data_lock(data), system_ports() as ports:
        world = await World.open(data, ports, read_settings_file(data, os.environ))
        try:
            return await run_command(world, name, args)
        finally:
            await world.close()


def _password(arguments: argparse.Namespace, *, is_needed: bool) -> str | None:
    if arguments.password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if sys.stdin.isatty():
        first = getpass.getpass("Password: ")
        if first != getpass.getpass("Again: "):
            raise UsageError("the two passwords differ")
        return first
    if is_needed:
        raise UsageError("there is no terminal to ask on: use --password-stdin")
    return None


def _report(arguments: argparse.Namespace, data: Any) -> None:
    if getattr(arguments, "json", False):
        print(json.dumps({"ok": True, "data": data}))
    elif isinstance(data, list):
        for row in data:
            print("  ".join(str(value) for value in row.values()))
    elif set(data) == {"token"}:
        print(data["token"])
    else:
        for key, value in data.items():
            print(f"{key}: {json.dumps(value) if isinstance(value, list | dict) else value}")


def _report_document(arguments: argparse.Namespace) -> None:
    from sila_daemon.server.http.openapi import document
    from sila_daemon.server.http.routes.table import ROUTE_RULES

    described = document(ROUTE_RULES)
    if getattr(arguments, "json", False):
        _report(arguments, described)
    else:
        print(json.dumps(described, indent=2))


def _fail(arguments: argparse.Namespace, error: SilaError) -> int:
    if getattr(arguments, "json", False):
        detail = {"code": error.code, "message": error.message, "hint": error.hint}
        print(json.dumps({"ok": False, "error": detail}))
    else:
        print(f"sila-server: {error.message}", file=sys.stderr)
        if error.hint:
            print(error.hint, file=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
