"""A process that appends is killed at any moment: what it claimed is there, lines stay whole.

The page cache outlives the process, so this cannot find a missing sync; it finds torn lines.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.folder.spaces import SPACE, make_space, open_folder, ops_on_disk
from tests.folder.test_dump import problems

APPENDER = """
import sys
from pathlib import Path
from sila_daemon.core.ops import MoveOp, PropertyOp
from sila_daemon.folder.layout import SpaceLayout
from sila_daemon.folder.op_appender import OpAppender
from sila_daemon.ports.clock import SystemClock
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.randomness import SystemRandomness

root, space, first = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
ours = OpAppender(SpaceLayout(root), SystemDisk(), SystemClock(), SystemRandomness())
for counter in range(first, first + 100_000, 4):
    ops = [
        MoveOp(counter, "me", f"v{counter}", space),
        PropertyOp(counter + 1, "me", f"v{counter}", "text", b'"%b"' % (b"x" * 200_000)),
        MoveOp(counter + 2, "other", f"w{counter}", space),
        PropertyOp(counter + 3, "other", f"w{counter}", "text", b'"%b"' % (b"y" * 200_000)),
    ]
    ours.append(space, {"me"}, ops)
    print(counter, flush=True)
"""
ROUNDS = 6


@pytest.mark.slow
def test_killed_while_appending(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    before = ops_on_disk(root)
    claimed: set[int] = set()
    chance = random.Random(5)
    for number in range(ROUNDS):
        first = 1000 + number * 100_000
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        with subprocess.Popen(
            [sys.executable, "-c", APPENDER, str(root), SPACE, str(first)],
            stdout=subprocess.PIPE,
            env=env,
        ) as process:
            assert process.stdout
            for _ in range(chance.randrange(1, 12)):
                claimed.add(int(process.stdout.readline()))
            process.send_signal(signal.SIGKILL)
            claimed |= {int(line) for line in process.stdout.read().splitlines() if line}
    found = ops_on_disk(root)
    assert before <= found
    ids = {(op.counter, op.peer) for op in found}
    for counter in claimed:
        for offset, peer in enumerate(("me", "me", "other", "other")):
            assert (counter + offset, peer) in ids
    # At most one torn line for each kill and kind of file, closed or still open.
    torn = problems(root)
    assert len(torn) <= 3 * ROUNDS
    assert {code for _, _, code in torn} <= {"bad_json", "torn_tail"}
    assert open_folder(root).space_id == SPACE
