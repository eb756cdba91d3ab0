"""`file`: files between a space and the local disk."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sila_daemon.cli.daemon_call import ask, local_path, space_reference
from sila_daemon.cli.wording import size

if TYPE_CHECKING:
    import argparse

    from sila_daemon.cli.output import Output


def list_(arguments: argparse.Namespace, output: Output) -> None:
    """Lists files by path."""
    answer = ask("file.list", space=space_reference(arguments.space), tree=arguments.tree)
    if output.as_json or not answer["files"]:
        output.result(answer, ["No files in this space."])
        return
    rows = [
        [
            file["path"],
            "" if file["size"] is None else size(file["size"]),
            "" if file["here"] else "left on the server" if file["away"] else "not on this machine",
            file["hash"] or file["id"] or "",
        ]
        for file in answer["files"]
    ]
    output.table(("path", "size", "", "hash or id"), rows)


def put(arguments: argparse.Namespace, output: Output) -> None:
    """Brings a local file into a space."""
    source = local_path(arguments.source)
    answer = ask(
        "file.put",
        space=space_reference(arguments.space),
        path=arguments.path or os.path.basename(source),
        source=source,
        tree=arguments.tree,
    )
    output.result(answer, [f"Saved {answer['path']}, {size(answer['size'])}."])


def get(arguments: argparse.Namespace, output: Output) -> None:
    """Writes a file of a space to the local disk."""
    target = local_path(arguments.target or os.path.basename(arguments.path))
    if os.path.isdir(target):
        target = os.path.join(target, os.path.basename(arguments.path))
    from sila_daemon.cli.fetch_progress import ask_showing_files

    answer = ask_showing_files(
        output,
        "file.get",
        space=space_reference(arguments.space),
        path=arguments.path,
        target=target,
        tree=arguments.tree,
        overwrite=arguments.force,
    )
    output.result(answer, [f"Wrote {answer['target']}, {size(answer['size'])}."])
