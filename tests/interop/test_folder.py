"""What our folder writer leaves on disk is read by npm's reptree as our own dump shows it."""

from __future__ import annotations

import io
import json
import random
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.folder.dump import dump_space
from sila_daemon.folder.new_space import create_space
from sila_daemon.folder.op_appender import OpAppender
from sila_daemon.folder.space_folder import SpaceFolder
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.sample.sample_space import write_sample_space
from tests.clocks import HandClock
from tests.core.histories import TREE_ID, causal_history
from tests.core.move_specification import op_order
from tests.folder.spaces import FIXTURES, SeededRandomness
from tests.interop import node_env

pytestmark = pytest.mark.slow

DRIVER = Path(__file__).with_name("folder_driver.mjs")
RUN_SECONDS_MAX = 50
DAY_S = 86_400
TORN = {"torn_tail", "not_utf8"}
"""What a line that was cut inside a character is called, at the end of a file and before it."""


def seen_by_reptree(*folders: Path) -> list[dict[str, Any]]:
    """Lets node read folders with reptree and by the original's file rules."""
    done = subprocess.run(
        [node_env.node(), str(DRIVER)],
        cwd=node_env.ensure(["reptree@0.9.0"]),
        input=json.dumps({"folders": [str(folder) for folder in folders]}).encode(),
        capture_output=True,
        timeout=RUN_SECONDS_MAX,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def dumped(root: Path) -> dict[str, Any]:
    """Our own dump of a folder."""
    folder = SpaceFolder.open(root, SystemDisk())
    dump = dump_space(folder, SeededRandomness(), io.BytesIO())
    document: dict[str, Any] = json.loads(b"".join(dump.render(with_secrets=False)))
    return document


def check_equal(root: Path, theirs: dict[str, Any], known: Collection[str] = ()) -> None:
    """Compares our dump of a folder with what reptree makes of it; some problems are `known`."""
    ours = dumped(root)
    assert {problem["code"] for problem in ours["problems"]} <= set(known)
    assert ours["spaceId"] == theirs["spaceId"]
    assert ours["trees"].keys() == theirs["trees"].keys()
    for tree_id, tree in ours["trees"].items():
        seen = theirs["trees"][tree_id]
        assert tree["pending"] == {"moves": 0, "properties": 0}
        assert (tree["root"], tree["ops"]) == (seen["root"], seen["ops"])
        assert {vertex["id"] for vertex in tree["vertices"]} == set(seen["vertices"])
        for vertex in tree["vertices"]:
            check_vertex(tree, vertex, seen["vertices"][vertex["id"]])


def check_vertex(tree: dict[str, Any], vertex: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Compares one vertex; the original leaves the order of equal `_c` to chance."""
    assert vertex["parent"] == theirs["parent"]
    assert vertex["properties"] == theirs["properties"]
    assert sorted(vertex["children"]) == sorted(theirs["children"])
    created = {
        child["id"]: child["properties"].get("_c")
        for child in tree["vertices"]
        if child["parent"] == vertex["id"]
    }
    if all(isinstance(value, str) and value.endswith("Z") for value in created.values()):
        times = [created[child] for child in theirs["children"]]
        assert [created[child] for child in vertex["children"]] == times


def test_the_driver_reads_what_the_original_wrote() -> None:
    """The rules that the driver follows are the original's: its own folders come out right."""
    names = ["demo-getting-started", "legacy-typed", "workspace-main"]
    for name, theirs in zip(names, seen_by_reptree(*(FIXTURES / n for n in names)), strict=True):
        check_equal(FIXTURES / name, theirs)
        assert sum(tree["ops"] for tree in theirs["trees"].values()) > 10


def test_a_new_space_and_the_sample_are_read(tmp_path: Path) -> None:
    disk, clock, randomness = SystemDisk(), HandClock(), SeededRandomness()
    create_space(tmp_path / "new", disk, clock, randomness, 'Name "cut \ud83d')
    write_sample_space(tmp_path / "sample", disk, clock, randomness)
    new, sample = seen_by_reptree(tmp_path / "new", tmp_path / "sample")
    check_equal(tmp_path / "new", new)
    check_equal(tmp_path / "sample", sample)
    assert len(sample["trees"]) > 3


def append_all(root: Path, ops: list[Op], seed: int) -> None:
    """Writes a history in batches, as several processes of ours would on several days.

    The ops of some peers are a process's own, those of the others came from a server; some
    processes end in the middle of a line.
    """
    rng = random.Random(seed)
    clock = HandClock()
    randomness = SeededRandomness(seed)
    folder = create_space(root, SystemDisk(), clock, randomness, f"Space {seed}")
    peers = sorted({op.peer for op in ops})
    own = set(rng.sample(peers, rng.randint(0, len(peers))))
    appender = OpAppender(folder.layout, folder.disk, clock, randomness)
    while ops:
        count = rng.randint(1, 12)
        batch, ops = ops[:count], ops[count:]
        places = appender.append(TREE_ID, own, batch)
        if rng.random() < 0.2:
            with rng.choice(places).path.open("ab") as file:
                file.write(b'[99,"torn off \xe2')
        if rng.random() < 0.2:
            own = set()  # A peer id lives no longer than the process that made it.
            appender = OpAppender(folder.layout, folder.disk, clock, randomness)
        clock.now += rng.choice((0, 0, 1, DAY_S, -DAY_S))


def test_appended_histories_are_read(tmp_path: Path) -> None:
    roots = []
    for seed in range(40):
        replicas = causal_history(random.Random(f"folder {seed}"), steps=40)
        ops = {op.id: op for replica in replicas for op in replica.known}
        roots.append(tmp_path / f"{seed}")
        append_all(roots[-1], sorted(ops.values(), key=op_order), seed)
    for root, theirs in zip(roots, seen_by_reptree(*roots), strict=True):
        check_equal(root, theirs, TORN)
        assert TREE_ID in theirs["trees"]


def test_every_odd_thing_in_one_tree_is_read(tmp_path: Path) -> None:
    root = tmp_path / "odd"
    clock, randomness = HandClock(), SeededRandomness()
    folder = create_space(root, SystemDisk(), clock, randomness, "Odd")
    time = b'"2026-01-02T00:00:00.000Z"'
    ops: list[Op] = [
        MoveOp(1, "me", "0", None),
        MoveOp(2, "me-m", "tree", None),
        PropertyOp(3, "me-m", "tree", "_c", time),
        MoveOp(4, "Me", "cut \ud83d", "tree"),
        PropertyOp(5, "Me", "cut \ud83d", '"quoted"\n\x00\u2028', b'"\\ud83d\\u0000"'),
        PropertyOp(6, "me", "tree", "deleted", b"1"),
        PropertyOp(7, "a-p", "tree", "deleted", None),
        PropertyOp(8, "a-p", "tree", "deleted too", b"[1]"),
        PropertyOp(9, "_", "tree", "deleted too", b"[]"),
        PropertyOp(10, "_", "tree", "nested", b'{"a":{},"b":[],"c":null}'),
        PropertyOp(11, "me", "tree", "null", b"null"),
        PropertyOp(12, "_", "tree", "number", b"1.0e2"),
        PropertyOp(12, "Me", "tree", "tie", b'"upper wins"'),
        PropertyOp(12, "me", "tree", "tie", b'"lower"'),
        MoveOp(13, "CON", "gone", "tree"),
        MoveOp(14, "nul", "gone", "0"),
        PropertyOp(2**53 - 1, "me", "tree", "last", b'"\xf0\x9f\x98\x80 \xe2\x80\xa8"'),
    ]
    OpAppender(folder.layout, folder.disk, clock, randomness).append("tree", {"me", "Me"}, ops)
    (theirs,) = seen_by_reptree(root)
    check_equal(root, theirs)
    properties = theirs["trees"]["tree"]["vertices"]["tree"]["properties"]
    assert properties["tie"] == "upper wins"
    assert not {"deleted", "deleted too"} & properties.keys()
    assert properties["nested"] == {"a": {}, "b": [], "c": None}
