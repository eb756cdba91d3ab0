"""The commands that read and edit what is in a space."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.cli.command_tree import CommandTree, Parser

_TREES = "sila_daemon.cli.trees"
_CHATS = "sila_daemon.cli.chats"
_FILES = "sila_daemon.cli.files"
_SECRETS = "sila_daemon.cli.secret_values"


def add_parsers(commands: CommandTree) -> None:
    """Adds `tree`, `vertex`, `chat`, `file` and `secret`."""
    tree = commands.add("tree", "List the trees of a space, or look into one.", f"{_TREES}:tree")
    _add(tree, "SPACE")
    tree.add_argument("path", nargs="?", metavar="PATH", help="TREE or TREE/name/name")
    _add_vertex(commands)
    commands.group("chat", "Chats.")
    _add(commands.add("chat list", "List the chats of a space.", f"{_CHATS}:list_"), "SPACE")
    _add(commands.add("chat show", "Show a chat.", f"{_CHATS}:show"), "SPACE", "CHAT")
    export = commands.add("chat export", "Write a chat as Markdown.", f"{_CHATS}:export")
    _add(export, "SPACE", "CHAT")
    export.add_argument("out", nargs="?", metavar="OUT.md", help="standard output without it")
    export.add_argument("--force", action="store_true", help="overwrite OUT.md")
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


def _add_vertex(commands: CommandTree) -> None:
    commands.group("vertex", "Vertices: TREE is an id, a unique prefix, a name or `space`.")
    get = commands.add("vertex get", "Show one vertex, by default the root.", f"{_TREES}:get")
    _add(get, "SPACE", "TREE")
    get.add_argument("vertex", nargs="?", metavar="VERTEX")
    new = commands.add("vertex new", "Make a vertex and print its id.", f"{_TREES}:new")
    _add(new, "SPACE", "TREE")
    new.add_argument("--parent", metavar="VERTEX", help="the root without it")
    new.add_argument("properties", nargs="*", metavar="KEY=VALUE", help="VALUE as in vertex set")
    change = commands.add("vertex set", "Set one property.", f"{_TREES}:set_")
    _add(change, "SPACE", "TREE", "VERTEX", "KEY")
    change.add_argument("value", metavar="VALUE", help="JSON; what is not JSON is text")
    change.add_argument("--text", action="store_true", help="take VALUE as text in any case")
    unset = commands.add("vertex unset", "Remove one property.", f"{_TREES}:unset")
    _add(unset, "SPACE", "TREE", "VERTEX", "KEY")
    move = commands.add("vertex move", "Move a vertex under another.", f"{_TREES}:move")
    _add(move, "SPACE", "TREE", "VERTEX", "PARENT")
    delete = commands.add("vertex delete", "Move a vertex to the trash.", f"{_TREES}:delete")
    _add(delete, "SPACE", "TREE", "VERTEX")


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
    for parser in (listing, put, get):
        parser.add_argument("--tree", metavar="TREE", help="the tree that holds the files")


def _add(parser: Parser, *names: str) -> None:
    for name in names:
        parser.add_argument(name.lower(), metavar=name)
