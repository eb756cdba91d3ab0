"""The commands on a space folder that need no daemon, such as create, dump and verify."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.cli.command_tree import CommandTree

_HANDLERS = "sila_daemon.cli.space_folder_commands"


def add_parsers(commands: CommandTree) -> None:
    """Adds the commands."""
    commands.group("space", "Make, look after, read, pack and check spaces.")
    create = commands.add("space create", "Make a new space.", f"{_HANDLERS}:create")
    create.add_argument(
        "address",
        metavar="ADDRESS",
        help="a path (a folder), local:// (no folder) or a server's URL (no folder)",
    )
    create.add_argument("--name", required=True, metavar="N", help="what people call it")
    create.add_argument(
        "--server", action="append", default=[], metavar="URL", help="mirror it there too"
    )
    create.add_argument(
        "--secrets",
        choices=("mirror", "keep"),
        help="whether secrets are mirrored to that server, which can read them",
    )

    sample = commands.add(
        "space sample", "Make a small space with sample content to look around in.",
        "sila_daemon.cli.sample_command:sample",
    )  # fmt: skip
    sample.add_argument("path", metavar="PATH", help="must not exist yet, or be empty")
    sample.add_argument("--name", metavar="N", help="what people call it")

    dump = commands.add("space dump", "Print everything a space folder holds.", f"{_HANDLERS}:dump")
    dump.add_argument("path", metavar="PATH")
    dump.add_argument("--secrets", action="store_true", help="with the values of secrets")

    verify = commands.add("space verify", "Read and check a whole folder.", f"{_HANDLERS}:verify")
    verify.add_argument("path", metavar="PATH")

    pack = commands.add("space export", "Pack a space folder.", f"{_HANDLERS}:export")
    pack.add_argument("path", metavar="PATH")
    pack.add_argument("archive", metavar="OUT.zip")
    pack.add_argument("--force", action="store_true", help="replace OUT.zip if it exists")

    unpack = commands.add("space import", "Unpack a space.", f"{_HANDLERS}:import_")
    unpack.add_argument("archive", metavar="IN.zip")
    unpack.add_argument("path", metavar="PATH", help="must not exist yet")
    unpack.add_argument(
        "--force", action="store_true", help="lift the limits on size; never overwrites"
    )
