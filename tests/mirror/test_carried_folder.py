"""A tool that carries the folder gets time: what it is about to bring is no problem yet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sila_daemon.mirror.patience import Patience
from sila_daemon.mirror.record import ServerRecord
from tests.clocks import HandClock
from tests.mirror.bench import SETTINGS, Bench, current, until
from tests.mirror.test_folder_layer import op_file, write_lines
from tests.mirror.test_static_files import DATA, FILES, NAME, put, told

if TYPE_CHECKING:
    from tests.mirror.fake_server import FakeServer


def test_patience_ends_once_nothing_changes_any_more() -> None:
    clock = HandClock(100.0)
    patience = Patience(clock, 10.0)
    dues = [patience.next_due]
    seen = []
    for now, known in ((100.0, 1), (109.0, 2), (118.0, 2), (119.0, 2)):
        clock.now = now
        seen.append(patience.is_over(known))
        dues.append(patience.next_due)
    assert seen == [False, False, False, True]
    assert dues == [None, 110.0, 119.0, 119.0, None]


@pytest.mark.parametrize("is_carried", [True, False])
async def test_what_cannot_be_read_yet_is_no_problem_yet(bench: Bench, is_carried: bool) -> None:
    bench.settings = replace(SETTINGS, loss_grace_s=3600)
    root = bench.folder("f")
    if is_carried:
        (root / ".stfolder").mkdir()
    path = op_file(root, "peer")
    write_lines(path, [1, "0", None])
    with path.open("a") as file:
        file.write("\0\0\0\0\n")
    async with bench.mirror("a", folder=root) as a:
        await a.sync_now()
        if is_carried:
            reason = "1 thing cannot be read yet: Syncthing may be at work"
            assert told(a) == ("syncing", reason)
            assert a.status()["folder"]["carrier"] == "Syncthing"
        else:
            assert told(a) == ("needs_you", "1 thing in the folder cannot be read")
            assert a.status()["folder"]["carrier"] is None


async def test_what_stays_so_is_told(bench: Bench) -> None:
    root = bench.folder("f")
    (root / ".stfolder").mkdir()
    op_file(root, "peer").write_text("no json\n")
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: told(a)[0] == "needs_you")
        assert told(a) == ("needs_you", "1 thing in the folder cannot be read")


async def test_a_file_that_a_carrier_may_bring_is_not_fetched_at_once(
    bench: Bench, server: FakeServer
) -> None:
    bench.settings = replace(SETTINGS, loss_grace_s=3600)
    server.static[NAME] = DATA
    root = bench.folder("f")
    (root / ".stfolder").mkdir()
    write_lines(op_file(root, "peer"), [1, "0", None], [2, "v", None])
    write_lines(op_file(root, "peer", "p"), [3, "v", "hash", NAME])
    async with bench.mirror("a", folder=root, servers=(ServerRecord(server.url),)) as a:
        reason = "1 file may be on the way: Syncthing carries the folder"
        await until(lambda: told(a) == ("syncing", reason))
        assert not [asked for asked in server.requests if asked.startswith("GET /files")]
        path = put(root, DATA)
        bench.watcher.hint(path)
        await current(a)
        assert not [asked for asked in server.requests if asked.startswith("GET /files")]


async def test_a_file_that_no_carrier_brings_is_fetched(bench: Bench, server: FakeServer) -> None:
    server.static[NAME] = DATA
    root = bench.folder("f")
    (root / ".stfolder").mkdir()
    write_lines(op_file(root, "peer"), [1, "0", None], [2, "v", None])
    write_lines(op_file(root, "peer", "p"), [3, "v", "hash", NAME])
    async with bench.mirror("a", folder=root, servers=(ServerRecord(server.url),)) as a:
        await current(a)
        await until(lambda: a.status()["files"] == 1)
    assert (root / FILES / NAME[:2] / NAME[2:]).read_bytes() == DATA
