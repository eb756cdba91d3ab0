"""Every text that a call may name something by, with what must never become a path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from sila_daemon.control.methods import METHODS
from sila_daemon.core.errors import SilaError
from tests.daemon.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

HOSTILE = (
    *("", ".", "..", "../../../escaped", "/escaped", "a/../../escaped", "a\0b", "%2e%2e%2fescaped"),
    *("CON", "trailing.", "e\u0301" * 100, "\ud800", "a\nb", "x" * 5000, "-rf", "~"),
)
PATHS_OF_PEOPLE = {
    ("space.add", "path"),
    ("space.move", "path"),
    ("space.create", "address"),
    ("space.clone", "path"),
    ("file.put", "source"),
    ("file.get", "target"),
    ("outbox.export", "target"),
}
"""A person may name any place there."""
LEFT_OUT = {"daemon.stop", "events.subscribe", "space.remove", "space.pause"}


def texts_of(method: str) -> list[str]:
    """Returns the parameters that are texts of any kind."""
    return [
        field.name
        for field in msgspec.structs.fields(METHODS[method].params)
        if field.type in (str, str | None) and (method, field.name) not in PATHS_OF_PEOPLE
    ]


CASES = [
    (method, name) for method in METHODS if method not in LEFT_OUT for name in texts_of(method)
]


def test_no_text_of_a_call_leads_out_of_a_space_or_breaks_the_daemon(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "home")
    (tmp_path / "note.txt").write_text("hello")
    with machine.daemon():
        machine.data("space", "create", str(tmp_path / "work"), "--name", "Work")
        machine.data("file", "put", "Work", str(tmp_path / "note.txt"))
        fitting: dict[str, Any] = {
            **{"space": "Work", "tree": "space", "vertex": "0", "name": "n", "query": "word"},
            **{"url": "http://127.0.0.1:9", "id": "0" * 32, "file": "0" * 32, "path": "note.txt"},
            **{"text": "t", "value": "v", "number": 1, "edits": [{"do": "new"}], "keep": "own"},
            **{"source": str(tmp_path / "note.txt"), "target": str(tmp_path / "home" / "out")},
            **{"address": "local://", "overwrite": True, "email": "a@example.org", "token": "t"},
        }
        before = beside(tmp_path)
        refused = 0
        for method, name in CASES:
            names = {field.name for field in msgspec.structs.fields(METHODS[method].params)}
            known = {key: value for key, value in fitting.items() if key in names}
            for text in HOSTILE:
                try:
                    machine.call(method, **{**known, name: text})
                except SilaError as error:
                    assert error.code != "internal_error", (method, name, text, error.message)
                    refused += 1
        assert refused > len(CASES) * len(HOSTILE) // 2, "most of them name nothing"
        assert beside(tmp_path) == before
        assert not [path for path in tmp_path.rglob("*") if "escaped" in path.name]
        assert not (tmp_path.parent / "escaped").exists()
        assert machine.status("Work")["state"] in ("current", "syncing")
    log = (machine.home / "logs" / "daemon.log").read_text(encoding="utf-8")
    assert "failed by a bug" not in log


def beside(tmp_path: Path) -> set[Path]:
    """Returns what is there beside the daemon's own places and the space's files."""
    places = [tmp_path, tmp_path / "work", tmp_path / "work" / "space-v1"]
    return {path for place in places for path in place.iterdir() if path.name != "secrets"}
