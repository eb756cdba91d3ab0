"""Taking edits back by command, against a running daemon."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sila_daemon.folder.layout import SpaceLayout
from tests.daemon.machine import Machine, wait_until

pytestmark = pytest.mark.slow


def test_edits_are_taken_back_one_by_one(machine: Machine, space: str) -> None:
    assert machine.refusal("undo", space) == (4, "nothing_to_undo")
    plan = machine.data("vertex", "new", space, "space", "--set", "name=Plan")["vertex"]
    machine.data("vertex", "set", space, "space", plan, "state", "open")
    machine.data("vertex", "delete", space, "space", plan)

    done = machine.sila("undo", space)
    assert (done.returncode, done.stdout) == (0, "Undone: deleted Plan\n")
    answer = machine.data("undo", space)
    assert [(one["what"], one["key"]) for one in answer["changes"]] == [("set", "state")]
    assert (answer["left"], answer["more"], answer["tree"]) == (1, 0, space)
    found = machine.data("vertex", "get", space, "space", plan)
    assert (found["path"], "state" in found["properties"]) == ("/Plan", False)
    machine.data("undo", space)
    assert machine.data("vertex", "get", space, "space", plan)["deleted"] is True
    assert machine.refusal("undo", space) == (4, "nothing_to_undo")


def test_what_another_program_changed_since_is_refused(
    machine: Machine, space: str, tmp_path: Path
) -> None:
    plan = machine.data("vertex", "new", space, "space", "--set", "name=Plan")["vertex"]
    machine.data("vertex", "set", space, "space", plan, "name", "Draft")
    peer = "ab" * 16
    layout = SpaceLayout(tmp_path / "space")
    file = layout.properties_file(space, datetime.now(UTC).date(), peer)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'[9000,"{plan}","name","Theirs"]\n')
    wait_until(
        lambda: (
            machine.data("vertex", "get", space, "space", plan)["properties"]["name"] == "Theirs"
        )
    )
    assert machine.refusal("undo", space) == (6, "changed_since")
    assert machine.data("undo", space, "--partly")["changes"] == []
    assert machine.data("vertex", "get", space, "space", plan)["properties"]["name"] == "Theirs"
