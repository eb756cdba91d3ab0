"""`config edit` with editors that are small scripts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.daemon.machine import Machine

pytestmark = pytest.mark.slow


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine whose daemon does not run; its editor writes what `typed` holds."""
    machine = Machine(tmp_path / "home")
    script = tmp_path / "editor.py"
    script.write_text(
        "import pathlib, sys\n"
        f"typed = pathlib.Path({str(tmp_path / 'typed')!r})\n"
        "draft = pathlib.Path(sys.argv[1])\n"
        f"pathlib.Path({str(tmp_path / 'seen')!r}).write_text(draft.read_text())\n"
        "typed.exists() and draft.write_text(typed.read_text())\n"
        f"sys.exit(3 if pathlib.Path({str(tmp_path / 'fails')!r}).exists() else 0)\n"
    )
    machine.env["VISUAL"] = f"{sys.executable} {script}"
    return machine


def test_what_was_typed_counts(machine: Machine, tmp_path: Path) -> None:
    assert machine.data("config", "edit") == {"changed": False}
    assert '# level = "info"' in (tmp_path / "seen").read_text()
    (tmp_path / "typed").write_text("# mine\n[log]\nlevel = 'debug'\n")
    assert machine.data("config", "edit") == {"changed": True}
    assert machine.data("config", "get", "log.level") == {"log.level": "debug"}
    (tmp_path / "typed").unlink()
    assert machine.data("config", "edit") == {"changed": False}
    assert (tmp_path / "seen").read_text() == "# mine\n[log]\nlevel = 'debug'\n"
    [file] = list(machine.home.rglob("*.toml*"))
    assert file.read_text().startswith("# mine") and file.stat().st_mode & 0o077 == 0


def test_a_mistake_is_told_and_nothing_typed_is_lost(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "typed").write_text("[log]\nlevle = 'debug'\n")
    done = machine.sila("config", "edit")
    assert done.returncode == 2
    assert "here is no setting log.levle" in done.stderr and "goes on with it" in done.stderr
    assert machine.data("config", "get", "log.level") == {"log.level": "info"}
    (tmp_path / "typed").unlink()
    assert machine.refusal("config", "edit") == (2, "bad_config")
    assert (tmp_path / "seen").read_text() == "[log]\nlevle = 'debug'\n"
    (tmp_path / "typed").write_text("[log]\nlevel = 'debug'\n")
    assert machine.data("config", "edit") == {"changed": True}


def test_editors_that_fail(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "typed").write_text("[log]\nlevel = 'debug'\n")
    (tmp_path / "fails").touch()
    assert machine.refusal("config", "edit") == (2, "editor_failed")
    assert machine.data("config", "get", "log.level") == {"log.level": "info"}
    machine.env["VISUAL"] = "/nowhere/editor"
    assert machine.refusal("config", "edit") == (2, "no_editor")
    machine.env["VISUAL"] = "true"
    assert machine.data("config", "edit") == {"changed": True}, "nothing typed was lost"


def test_an_editor_that_leaves_nothing_changes_nothing(machine: Machine) -> None:
    machine.data("config", "set", "log.level", "debug")
    machine.env["VISUAL"] = "rm"
    assert machine.refusal("config", "edit") == (2, "editor_failed")
    assert machine.data("config", "get", "log.level") == {"log.level": "debug"}


def test_what_was_typed_does_not_undo_what_was_set_since(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "typed").write_text("[log]\nlevle = 'debug'\n")
    assert machine.refusal("config", "edit") == (2, "bad_config")
    machine.data("config", "set", "log.file_count_max", "9")
    (tmp_path / "typed").write_text("[log]\nlevel = 'debug'\n")
    assert machine.refusal("config", "edit") == (6, "changed")
    assert machine.data("config", "get", "log.file_count_max") == {"log.file_count_max": 9}
    [draft] = machine.home.rglob("*.edited.toml")
    draft.unlink()
    (tmp_path / "typed").write_text("[log]\nlevel = 'debug'\nfile_count_max = 9\n")
    assert machine.data("config", "edit") == {"changed": True}
