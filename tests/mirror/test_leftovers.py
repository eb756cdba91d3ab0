"""What a crash left half-written in a space is removed when the space is opened again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sila_daemon.folder.layout import SpaceLayout
from tests.mirror.bench import SPACE, Bench, current
from tests.mirror.fake_server import FakeServer

if TYPE_CHECKING:
    from pathlib import Path

OLD_S = 1_000_000_000


def _half_written(directory: Path, name: str, modified_s: int | None = None) -> Path:
    path = directory / name
    path.write_bytes(b"half")
    if modified_s is not None:
        os.utime(path, (modified_s, modified_s))
    return path


async def test_old_temporary_files_go_and_everything_else_stays(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeServer(SPACE))
    try:
        root = bench.folder("folder")
        layout = SpaceLayout(root)
        gone = [
            _half_written(root, f".{'0' * 16}.tmp", OLD_S),
            _half_written(layout.version_dir, f".{'1' * 16}.tmp", OLD_S),
            _half_written(layout.files_dir, f".sila-{'2' * 16}.tmp", OLD_S),
        ]
        kept = [
            _half_written(layout.version_dir, f".{'3' * 16}.tmp"),
            _half_written(layout.version_dir, ".another-program.tmp", OLD_S),
            _half_written(root, "notes.txt", OLD_S),
        ]
        async with bench.mirror("one", folder=root) as mirror:
            await current(mirror)

        assert [path for path in gone if path.exists()] == []
        assert all(path.exists() for path in kept)
    finally:
        bench.close()
