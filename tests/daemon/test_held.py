"""`held` and `--force` against a running daemon: much is not taken away unasked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.daemon.machine import Machine, serving, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine whose daemon runs for all tests of this file."""
    machine = Machine(tmp_path_factory.mktemp("machine"))
    with machine.daemon():
        machine.data("config", "set", "guard.vertices_min", "5")
        yield machine


def append(root: Path, space: str, rows: list[list[object]]) -> None:
    """Writes moves into the folder as another program does."""
    day = root / "space-v1" / "ops" / space[:2] / space[2:] / "2026" / "01" / "02"
    day.mkdir(parents=True, exist_ok=True)
    with (day / f"{'7' * 32}-m.jsonl").open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def test_a_mass_deletion_in_the_folder_waits_for_an_answer(
    machine: Machine, tmp_path: Path
) -> None:
    root = tmp_path / "space"
    with serving(tmp_path / "server", "a@example.org", "correct horse") as url:
        login = ("login", url, "--email", "a@example.org", "--password-stdin")
        machine.data(*login, stdin="correct horse")
        created = machine.data("space", "create", str(root), "--name", "Mine", "--server", url)
        space = str(created["id"])
        machine.until_current(space)
        made = [machine.data("vertex", "new", space, "space")["vertex"] for _ in range(20)]
        machine.until_current(space)
        append(root, space, [[1000 + n, vertex, "0"] for n, vertex in enumerate(made)])
        wait_until(lambda: machine.status(space)["heldOps"] == 20)
        said = machine.sila("status", space)
        assert said.returncode == 1 and "wait for you; see: sila-daemon held" in said.stdout
        assert machine.refusal("space", "sync", space) == (1, "needs_you")
        [entry] = machine.data("held", space)["held"]
        assert (entry["source"], entry["deletions"], entry["refusedAt"]) == ("folder", 20, None)
        assert (entry["vertices"], entry["ops"], entry["moves"]) == (20, 20, 0)
        assert "20 deletions in 1 tree" in machine.sila("held").stdout
        assert machine.data("held", "refuse", space) == {"holds": 1, "ops": 20}
        machine.until_current(space)
        assert machine.refusal("held", "accept", space) == (4, "no_held"), "none of them waits"
        number = str(machine.data("held")["held"][0]["number"])
        assert machine.data("held", "undo", space, number) == {"holds": 1, "ops": 20}
        machine.until_current(space)
        assert machine.sila("held").stdout == "Nothing is held.\n"
        for vertex in made:
            assert not machine.data("vertex", "get", space, "space", vertex)["deleted"]
        below: list[list[object]] = [[2001 + n, f"below{n}", "above"] for n in range(20)]
        append(root, space, [[2000, "above", space], *below])
        wait_until(lambda: machine.sila("vertex", "get", space, "space", "below19").returncode == 0)
        delete = ("vertex", "delete", space, "space", "above")
        assert machine.refusal(*delete) == (6, "mass_change")
        assert "--force" in machine.sila(*delete).stderr
        assert machine.data(*delete, "--force")["vertex"] == "above"
        machine.until_current(space)
    machine.data("space", "remove", space)
