"""The real watcher: tells of changes, and of roots that were replaced under it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sila_daemon.mirror.watchfiles_watcher import WatchfilesWatcher
from sila_daemon.ports.clock import SystemClock
from sila_daemon.ports.randomness import SystemRandomness
from tests.mirror.bench import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def watcher() -> AsyncIterator[WatchfilesWatcher]:
    watcher = WatchfilesWatcher(SystemClock(), SystemRandomness())
    running = asyncio.ensure_future(watcher.run())
    yield watcher
    running.cancel()
    results = await asyncio.gather(running, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError), results


@pytest.mark.slow
async def test_changes_below_each_root_reach_its_listener(
    watcher: WatchfilesWatcher, tmp_path: Path
) -> None:
    heard: dict[str, list[frozenset[Path]]] = {"one": [], "two": []}
    for name, hints in heard.items():
        (tmp_path / name).mkdir()
        watcher.subscribe(tmp_path / name, hints.append)
    path = tmp_path / "one" / "x.jsonl"
    # The watch begins some time after the subscription; what it misses, a scan would find.
    for number in range(100):
        path.write_text(f"{number}\n")
        await asyncio.sleep(0.05)
        if any(path in hint for hint in heard["one"]):
            break
    assert any(path in hint for hint in heard["one"])
    assert not any(path in hint for hint in heard["two"])


@pytest.mark.slow
async def test_what_is_being_written_is_not_told_of(
    watcher: WatchfilesWatcher, tmp_path: Path
) -> None:
    hints: list[frozenset[Path]] = []
    watcher.subscribe(tmp_path, hints.append)
    writing, path = tmp_path / ".sila-0123456789abcdef.tmp", tmp_path / "written"
    stand_in = tmp_path / ".written.icloud"
    for _ in range(100):
        writing.write_bytes(b"not whole yet")
        writing.rename(path)
        stand_in.touch()
        await asyncio.sleep(0.05)
        if any({path, stand_in} <= hint for hint in hints):
            break
    told = set().union(*hints)
    assert {path, stand_in} <= told
    assert writing not in told


@pytest.mark.slow
async def test_a_replaced_root_is_to_be_looked_at_whole(
    watcher: WatchfilesWatcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sila_daemon.mirror.watchfiles_watcher.ROOT_CHECK_S", 0.1)
    root = tmp_path / "root"
    root.mkdir()
    hints: list[frozenset[Path]] = []
    end = watcher.subscribe(root, hints.append)
    await asyncio.sleep(0.3)
    root.rename(tmp_path / "away")
    root.mkdir()
    await until(lambda: frozenset() in hints)
    end()
    assert hints.count(frozenset()) == 1, "once for each new root"
