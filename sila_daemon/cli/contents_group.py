"""The commands on chats, files and secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.cli.command_tree import CommandTree, LaterParser

_CHATS = "sila_daemon.cli.chats"
_FILES = "sila_daemon.cli.files"
_SECRETS = "sila_daemon.cli.secret_values"


def add_parsers(commands: CommandTree) -> None:
    """Adds `search`, `chat`, `file` and `secret`."""
    search = commands.add("search", "Find words in all spaces.", "sila_daemon.cli.search:search")
    search.add_argument("words", nargs="+", metavar="WORD", help="all must occur, in any case")
    search.add_argument("--space", metavar="SPACE", help="only in this one")
    search.add_argument(
        "--limit", type=int, default=50, metavar="N", help="hits of each space; 50 without it"
    )
    commands.group("chat", "Chats.")
    _add(commands.add("chat list", "List the chats of a space.", f"{_CHATS}:list_"), "SPACE")
    _add(commands.add("chat show", "Show a chat.", f"{_CHATS}:show"), "SPACE", "CHAT")
    export = commands.add("chat export", "Write a chat as Markdown.", f"{_CHATS}:export")
    _add(export, "SPACE", "CHAT")
    export.add_argument("out", nargs="?", metavar="OUT.md", help="standard output without it")
    export.add_argument("--force", action="store_true", help="overwrite OUT.md")
    new = commands.add("chat new", "Make a chat.", f"{_CHATS}:new")
    _add(new, "SPACE", "NAME")
    new.add_argument("--below", metavar="VERTEX", help="a folder or chat of the space's own tree")
    new.add_argument("--assistant", metavar="ID", help="who answers in it; the usual one without")
    _add(commands.add("chat rename", "Give a chat another name.", f"{_CHATS}:rename"),
         "SPACE", "CHAT", "NAME")  # fmt: skip
    delete = commands.add("chat delete", "Move a chat to the trash.", f"{_CHATS}:delete")
    _add(delete, "SPACE", "CHAT")
    delete.add_argument("--force", action="store_true", help="even where much stands below it")
    send = commands.add("chat send", "Add a message to a chat.", f"{_CHATS}:send")
    _add(send, "SPACE", "CHAT")
    send.add_argument("text", nargs="?", metavar="TEXT", help="Markdown; standard input without it")
    send.add_argument(
        "--role", default="user", choices=("user", "assistant", "tool", "error"), help="whose it is"
    )
    _add_files(commands)
    commands.group("secret", "Secrets, such as keys of providers.")
    _add(commands.add("secret list", "List the names.", f"{_SECRETS}:list_"), "SPACE")
    _add(commands.add("secret get", "Print one value.", f"{_SECRETS}:get"), "SPACE", "NAME")
    change = commands.add("secret set", "Set one value.", f"{_SECRETS}:set_")
    _add(change, "SPACE", "NAME")
    change.add_argument(
        "--stdin", action="store_true", help="read the value from standard input, not a prompt"
    )
    _add(commands.add("secret unset", "Remove one value.", f"{_SECRETS}:unset"), "SPACE", "NAME")


def _add_files(commands: CommandTree) -> None:
    commands.group("file", "Files.")
    listing = commands.add("file list", "List the files of a space.", f"{_FILES}:list_")
    put = commands.add("file put", "Bring a local file into a space.", f"{_FILES}:put")
    get = commands.add("file get", "Write a file of a space to the local disk.", f"{_FILES}:get")
    _add(listing, "SPACE")
    _add(put, "SPACE", "SOURCE")
    put.add_argument("path", nargs="?", metavar="PATH", help="SOURCE's name without it")
    _add(get, "SPACE", "PATH")
    get.add_argument("target", nargs="?", metavar="TARGET", help="PATH's name without it")
    get.add_argument("--force", action="store_true", help="overwrite TARGET")
    fetch = commands.add(
        "file fetch", "Bring a file or a folder from a server.", "sila_daemon.cli.fetch:fetch_file"
    )
    _add(fetch, "SPACE", "PATH")
    conflicts = "sila_daemon.cli.file_conflicts"
    _add(commands.add("file conflicts", "List files that were changed in two places.",
                      f"{conflicts}:list_"), "SPACE")  # fmt: skip
    choose = commands.add("file choose", "Say which content of such a file counts.",
                          f"{conflicts}:choose")  # fmt: skip
    _add(choose, "SPACE", "FILE")
    choose.add_argument("keep", choices=("own", "newer"), help="the one kept here, or the newer")
    choose.add_argument("--hash", metavar="HASH", help="which one, where several were kept")
    for parser in (listing, put, get, fetch):
        parser.add_argument("--tree", metavar="TREE", help="the tree that holds the files")


def _add(parser: LaterParser, *names: str) -> None:
    for name in names:
        parser.add_argument(name.lower(), metavar=name)
