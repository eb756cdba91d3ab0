"""A new space in a new folder, as the original app would make it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core.editor import Editor
from sila_daemon.core.space import Space
from sila_daemon.folder.op_appender import OpAppender
from sila_daemon.folder.space_folder import SpaceFolder, create_space_folder
from sila_daemon.ports.clock import Clock, iso_timestamp
from sila_daemon.ports.randomness import Randomness, new_id

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.ports.disk import Disk


def create_space(
    root: Path, disk: Disk, clock: Clock, randomness: Randomness, name: str
) -> SpaceFolder:
    """Makes a space with a fresh id; its space tree is durable when this returns.

    Raises ProtectionError when something is there already, StorageError.
    """
    editor = Editor(lambda: iso_timestamp(clock.time()), lambda: new_id(randomness))
    space = Space.create(new_id(randomness), editor, name)
    folder = create_space_folder(root, disk, randomness, space.id)
    appender = OpAppender(folder.layout, disk, clock, randomness)
    appender.append(space.id, {editor.peer}, space.tree.take_local_ops())
    return folder
