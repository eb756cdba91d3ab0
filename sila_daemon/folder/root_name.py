"""The name of a space as its folder says it, found without building the tree.

The tree of a space may have a million ops, and its name stands in a handful of lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core import json_value
from sila_daemon.core.errors import InvalidValueError
from sila_daemon.core.peer_order import collation_key
from sila_daemon.core.vertex import NAME_KEYS
from sila_daemon.folder.op_reader import lines_about

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sila_daemon.folder.layout import OpFile
    from sila_daemon.folder.space_folder import SpaceFolder


def name_in_files(folder: SpaceFolder, space_id: str, files: Iterable[OpFile]) -> str | None:
    """Returns the name that the op files of a space's own tree give it; None without one.

    Files that cannot be read are passed over: a name is nothing to fail for.
    """
    newest: tuple[tuple[int, object], bytes | None] | None = None
    about = space_id.encode()
    for file in files:
        try:
            for chunk in lines_about(folder.disk, folder.path_of(file), file.kind, about):
                for row in chunk.properties:
                    if row.target != space_id or row.key != NAME_KEYS[0]:
                        continue
                    stamp = row.counter, collation_key(file.peer)
                    if newest is None or stamp > newest[0]:
                        newest = stamp, row.value
        except OSError:
            continue
    value = newest[1] if newest else None
    if value is None or json_value.is_deletion(value):
        return None
    try:
        name = json_value.decode(value)
    except InvalidValueError:
        return None
    return name if isinstance(name, str) and name else None
