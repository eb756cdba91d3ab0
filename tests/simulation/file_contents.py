"""What people put into files, and how other programs write them."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulation.disk import DiskView
    from tests.simulation.plan import Action

SIZES = (0, 1, 40, 511, 513, 900, 2500)
COMMON = 0.25
"""How likely somebody else has a file with the same bytes."""


def file_content(action: Action) -> bytes:
    """Returns the bytes of the file that an action brings."""
    random = Random(f"{action.a} {action.b}")
    if random.random() < COMMON:
        return b"common " * random.choice((1, 100))
    return random.randbytes(random.choice(SIZES))


def write_whole(view: DiskView, path: Path, data: bytes, *, syncs: bool = True) -> None:
    """Writes a file under another name, syncs it if it `syncs`, and renames it. Raises OSError."""
    for directory in reversed(path.parents):
        if view.stat(directory) is None:
            view.make_dir(directory)
            if syncs:
                view.sync_dir(directory.parent)
    temporary = path.with_name(f".{path.name}.part")
    view.unlink(temporary)
    with view.create(temporary) as file:
        file.write(data)
        if syncs:
            file.sync()
    view.rename(temporary, path)
    if syncs:
        view.sync_dir(path.parent)
