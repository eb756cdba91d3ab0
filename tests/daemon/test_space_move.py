"""Moving the folder of a space with commands against a running daemon."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.daemon.machine import Machine, wait_until

pytestmark = pytest.mark.slow


def names_in(folder: Path) -> set[str]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_moved_as_a_whole_and_goes_on_there(
    machine: Machine, space: str, tmp_path: Path
) -> None:
    machine.until_current(space)
    before, new = names_in(tmp_path / "space"), tmp_path / "elsewhere"
    done = machine.data("space", "move", space, str(new))
    assert done == {"id": space, "path": str(new), "before": str(tmp_path / "space")}
    assert not (tmp_path / "space").exists()
    machine.data("vertex", "set", space, "space", space, "k", "moved")
    machine.until_current(space)
    assert before <= names_in(new)
    assert any("moved" in path.read_text() for path in new.rglob("*-p.jsonl"))
    assert machine.status(space)["path"] == str(new)


def test_a_folder_that_somebody_moved_is_followed(
    machine: Machine, space: str, tmp_path: Path
) -> None:
    machine.until_current(space)
    (tmp_path / "space").rename(tmp_path / "by hand")
    wait_until(lambda: machine.status(space)["state"] == "needs_you")
    assert machine.refusal("space", "move", space, str(tmp_path / "nothing")) == (4, "not_found")
    machine.data("space", "move", space, str(tmp_path / "by hand"))
    machine.until_current(space)


def test_what_is_in_the_way_is_left_alone(machine: Machine, space: str, tmp_path: Path) -> None:
    machine.until_current(space)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("mine")
    assert machine.refusal("space", "move", space, str(tmp_path / "taken")) == (6, "exists")
    inside = str(tmp_path / "space" / "inside")
    assert machine.refusal("space", "move", space, inside) == (6, "exists")
    assert machine.refusal("space", "move", space, str(tmp_path / "space")) == (6, "path_known")
    other = machine.data("space", "create", str(tmp_path / "other"), "--name", "other")["id"]
    (tmp_path / "other").rename(tmp_path / "moved")
    assert machine.refusal("space", "move", space, str(tmp_path / "other")) == (6, "path_known")
    (tmp_path / "space").rename(tmp_path / "hidden")
    assert machine.refusal("space", "move", space, str(tmp_path / "moved")) == (6, "other_space")
    (tmp_path / "hidden").rename(tmp_path / "space")
    machine.until_current(space)
    machine.data("space", "remove", other)
    assert (tmp_path / "taken" / "file").read_text() == "mine"


def test_a_space_without_a_folder_is_given_one_with_its_files(
    machine: Machine, tmp_path: Path
) -> None:
    space = machine.data("space", "create", "local://", "--name", "homeless")["id"]
    (tmp_path / "photo").write_bytes(b"bytes of a photo")
    machine.data("file", "put", space, str(tmp_path / "photo"), "photo")
    machine.data("secret", "set", space, "key", stdin="value")
    new = tmp_path / "home"
    done = machine.data("space", "move", space, str(new))
    assert (done["before"], done["path"]) == (None, str(new))
    machine.until_current(space)
    digest = hashlib.sha256(b"bytes of a photo").hexdigest()
    assert any(digest[2:] in name for name in names_in(new))
    dump = machine.data("space", "verify", str(new))
    assert dump["ops"] == machine.status(space)["ops"]
    assert (new / "space-v1" / "secrets").exists()
