"""The commands that read and edit trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.cli.command_tree import CommandTree, LaterParser

_TREES = "sila_daemon.cli.trees"
_FORCE = "also where it deletes or overwrites a large share of the space"


def add_parsers(commands: CommandTree) -> None:
    """Adds `tree`, `vertex`, `trash` and `undo`."""
    tree = commands.add("tree", "List the trees of a space, or look into one.", f"{_TREES}:tree")
    _add(tree, "SPACE")
    tree.add_argument("path", nargs="?", metavar="PATH", help="TREE or TREE/name/name")
    commands.group("vertex", "Vertices: TREE is an id, a unique prefix, a name or `space`.")
    get = commands.add("vertex get", "Show one vertex, by default the root.", f"{_TREES}:get")
    _add(get, "SPACE", "TREE")
    get.add_argument("vertex", nargs="?", metavar="VERTEX")
    new = commands.add("vertex new", "Make a vertex and print its id.", f"{_TREES}:new")
    _add(new, "SPACE", "TREE")
    new.add_argument("--parent", metavar="VERTEX", help="the root without it")
    new.add_argument(
        "--set",
        dest="properties",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a property; VALUE as in vertex set",
    )
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
    for parser in (change, unset, move, delete):
        parser.add_argument("--force", action="store_true", help=_FORCE)
    commands.group("trash", "What was deleted, and putting it back.")
    trash = commands.add("trash list", "List what was deleted.", f"{_TREES}:trash")
    _add(trash, "SPACE")
    trash.add_argument("tree", nargs="?", metavar="TREE", help="all trees without it")
    restore = commands.add("trash restore", "Put a deleted vertex back.", f"{_TREES}:restore")
    _add(restore, "SPACE", "TREE", "VERTEX")
    restore.add_argument("--to", dest="parent", metavar="PARENT", help="else where it was")
    undo = commands.add("undo", "Take back your last edit of a space.", "sila_daemon.cli.undo:undo")
    _add(undo, "SPACE")
    undo.add_argument(
        "--partly", action="store_true", help="also where some of it changed since, without that"
    )


def _add(parser: LaterParser, *names: str) -> None:
    for name in names:
        parser.add_argument(name.lower(), metavar=name)
