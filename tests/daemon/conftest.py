"""A machine with a running daemon for each file of tests, and a space for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.machine import Machine


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine whose daemon runs for all tests of this file."""
    machine = Machine(tmp_path_factory.mktemp("machine"))
    with machine.daemon():
        yield machine
        machine.sila("stop")  # A test may have started another one, in the background.


@pytest.fixture
def space(machine: Machine, tmp_path: Path) -> str:
    """The id of a new space in a folder of its own."""
    added = machine.data("space", "create", str(tmp_path / "space"), "--name", tmp_path.name)
    assert added["name"] == tmp_path.name
    return str(added["id"])
