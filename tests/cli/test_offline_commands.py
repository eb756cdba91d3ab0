"""Tests of the commands that need no daemon, each as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.folder.spaces import (
    FIXTURES,
    OTHER_PEER,
    add_ops,
    fingerprint,
    make_space,
    open_folder,
)
from tests.folder.test_dump import dump

pytestmark = pytest.mark.slow

SECRET = "sk-fixture-openai-0123456789"


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The data in the envelope of a result."""
        document = json.loads(self.out)
        assert document["ok"] is True and self.out.count("\n") == 1
        return document["data"]

    @property
    def error(self) -> dict[str, str]:
        """The error in the envelope."""
        document = json.loads(self.out)
        assert document["ok"] is False and set(document) == {"ok", "error"}
        assert set(document["error"]) == {"code", "message", "hint"}
        error: dict[str, str] = document["error"]
        return error


def run(*words: str | Path, **environment: str) -> Done:
    """Runs sila-daemon."""
    command = [sys.executable, "-m", "sila_daemon.cli", *map(str, words)]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=env, timeout=50)
    assert "Traceback" not in done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def test_create_makes_a_space_that_verifies(tmp_path: Path) -> None:
    done = run("space", "create", tmp_path / "new", "--name", "Näme ✨", "--json")
    assert done.code == 0 and done.err == ""
    assert done.data["name"] == "Näme ✨" and done.data["path"] == str(tmp_path / "new")
    assert open_folder(tmp_path / "new").space_id == done.data["id"]
    verified = run("space", "verify", tmp_path / "new", "--json")
    assert verified.code == 0
    assert verified.data["well"] is True and verified.data["problems"] == []
    assert (verified.data["spaceId"], verified.data["trees"]) == (done.data["id"], 1)


def test_create_overwrites_nothing(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    before = fingerprint(tmp_path)
    done = run("space", "create", root, "--name", "N")
    assert (done.code, done.out) == (6, "")
    assert "already" in done.err and done.err.count("\n") == 2
    assert fingerprint(tmp_path) == before
    assert run("space", "create", root, "--name", "N", "--json").error["code"] == "exists"


@pytest.mark.parametrize("name", ["quirks", "workspace-main"])
def test_dump_is_the_canonical_document_without_envelope(name: str) -> None:
    before = fingerprint(FIXTURES / name)
    done = run("space", "dump", FIXTURES / name, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.out.encode() == dump(FIXTURES / name, with_secrets=False)
    done = run("space", "dump", FIXTURES / name, "--json", "--secrets")
    assert done.out.encode() == dump(FIXTURES / name)
    assert fingerprint(FIXTURES / name) == before


def test_dump_for_people() -> None:
    done = run("space", "dump", FIXTURES / "workspace-main")
    assert done.code == 0
    assert "Main Workspace (renamed) ✨" in done.out
    assert "default-chat" in done.out and "secret api-key-openai" in done.out
    assert SECRET not in done.out and "\x1b" not in done.out
    assert (
        f"secret api-key-openai: {SECRET}"
        in run("space", "dump", FIXTURES / "workspace-main", "--secrets").out
    )


def test_a_relative_path_and_a_link_that_a_person_names(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(FIXTURES / "legacy-typed")
    plain = run("space", "dump", FIXTURES / "legacy-typed", "--json")
    assert run("space", "dump", tmp_path / "link", "--json") == plain
    assert run("space", "dump", os.path.relpath(FIXTURES / "legacy-typed"), "--json") == plain


def test_verify_says_in_words_what_is_wrong() -> None:
    done = run("space", "verify", FIXTURES / "quirks")
    assert done.code == 1
    assert "-p.jsonl:23: not JSON" in done.out and "3 problems" in done.out
    data = run("space", "verify", FIXTURES / "quirks", "--json").data
    assert data["well"] is False
    assert [problem["line"] for problem in data["problems"]] == [23, 24, 25]
    assert set(data["problems"][0]) == {"path", "line", "code", "message"}


def test_names_cannot_steer_the_terminal(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    line = b'[9,"5f5f","x"]\n[10,"%b","name","\\u001b]0;evil\\u0007\\u202e\\ud800"]\n'
    add_ops(root, f"{OTHER_PEER}-p.jsonl", line % (b"5f" * 16))
    (root / "space-v1/ops/\x1b[2Jx").mkdir()
    done = run("space", "dump", root)
    assert done.code == 0
    assert not {"\x1b", "\x07", "\u202e"} & set(done.out + done.err)
    assert run("space", "verify", root, "--json").data["name"] == "\x1b]0;evil\x07\u202e\ud800"


def test_export_and_import(tmp_path: Path) -> None:
    archive, new = tmp_path / "out.zip", tmp_path / "new"
    packed = run("space", "export", FIXTURES / "workspace-main", archive, "--json")
    assert packed.code == 0 and packed.data["path"] == str(archive)
    assert zipfile.ZipFile(archive).testzip() is None
    unpacked = run("space", "import", archive, new, "--json")
    assert unpacked.code == 0
    assert unpacked.data["spaceId"] == packed.data["spaceId"]
    assert unpacked.data["files"] == packed.data["files"]
    assert dump(new) == dump(FIXTURES / "workspace-main")
    assert run("space", "import", archive, new).code == 6
    again = run("space", "export", new, archive)
    assert again.code == 6 and "--force" in again.err
    assert run("space", "export", new, archive, "--force").code == 0


def test_import_refuses_what_is_too_much_until_told(tmp_path: Path) -> None:
    archive = tmp_path / "in.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr("space-v1/space.json", '{"id":"abc"}')
        written.writestr("sila.md", bytes(3 << 20))
    done = run("space", "import", archive, tmp_path / "new")
    assert done.code == 6 and "--force" in done.err
    assert run("space", "import", archive, tmp_path / "new", "--force").code == 0


def test_a_bad_archive_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "in.zip").write_text("not a zip")
    done = run("space", "import", tmp_path / "in.zip", tmp_path / "new", "--json")
    assert (done.code, done.error["code"]) == (1, "bad_archive")
    assert done.error["hint"]


@pytest.mark.parametrize("command", ["dump", "verify", "export"])
def test_what_is_not_there_is_not_found(command: str, tmp_path: Path) -> None:
    words: list[str | Path] = ["space", command, tmp_path / "nowhere"]
    if command == "export":
        words.append(tmp_path / "out.zip")
    done = run(*words)
    assert (done.code, done.out) == (4, "") and len(done.err.splitlines()) == 2
    assert run(*words, "--json").error["code"] == "not_found"
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_itself_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert run("space", "dump", tmp_path / "loop").code == 4


def test_a_disk_that_refuses_is_a_storage_failure(tmp_path: Path) -> None:
    done = run("space", "import", tmp_path / "nothing.zip", tmp_path / "new", "--json")
    assert (done.code, done.error["code"]) == (7, "storage")


@pytest.mark.parametrize(
    "words",
    [[], ["space"], ["nonsense"], ["space", "dump"], ["space", "dump", "a", "b"],
     ["space", "create", "x"], ["space", "dump", "--nonsense", "x"],
     ["space", "dump", "--js", "x"]],
)  # fmt: skip
def test_wrong_usage(words: list[str]) -> None:
    done = run(*words)
    assert (done.code, done.out) == (2, "")
    assert "--help" in done.err
    as_json = run(*words, "--json")
    assert as_json.code == 2 and as_json.error["code"] == "usage"


def test_help_and_version() -> None:
    done = run("space", "--help")
    assert done.code == 0
    for command in ("create", "dump", "verify", "export", "import"):
        assert command in done.out
    assert run("--version").out.startswith("sila-daemon ")


def test_output_is_utf8_whatever_the_locale_says() -> None:
    done = run("space", "dump", FIXTURES / "workspace-main", LC_ALL="C", PYTHONUTF8="0")
    assert "✨" in done.out


def test_a_reader_that_stops_early_is_no_error(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    lines = b"".join(b'[%d,"v%d","0"]\n' % (n, n) for n in range(10, 20_000))
    add_ops(root, f"{OTHER_PEER}-m.jsonl", lines)
    command = [sys.executable, "-m", "sila_daemon.cli", "space", "dump", str(root), "--json"]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
    ) as process:
        assert process.stdout and process.stderr
        assert process.stdout.read(10) == b'{"files":{'
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
