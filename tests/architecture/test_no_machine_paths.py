"""No tracked file names a place that exists only on the machine where it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import ROOT, tracked_files

BUILD_ROOTS = re.compile(rb"(?<![\w.~/-])/(?:builds|farm|work)/[\w.-]")
INDEX_OPTIONS = re.compile(rb"://|--(?:extra-)?index-url|--find-links|--trusted-host")
LOCKS_WITH_ADDRESSES = {"uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock"}


def machine_paths(content: bytes) -> Iterator[bytes]:
    """Finds this checkout's place, the home of whoever runs the tests, and usual build roots."""
    yield from (match.group() for match in BUILD_ROOTS.finditer(content))
    for place in (ROOT, Path.home()):
        name = f"{place}/".encode()
        # What lies directly below the root of the disk is named like too many honest things.
        if len(place.parts) > 2 and name in content:
            yield name


def test_no_file_names_a_place_of_one_machine() -> None:
    """Fixtures are left out: they are what another program wrote."""
    names = [name for name in tracked_files() if not name.startswith("tests/fixtures/")]
    found = {
        name: [*machine_paths((ROOT / name).read_bytes())]
        for name in names
        if (ROOT / name).is_file()
    }
    assert {name: places for name, places in found.items() if places} == {}


def test_requirements_name_no_package_index() -> None:
    files = sorted(ROOT.glob("requirements*.txt"))
    assert [file.name for file in files] == ["requirements-dev.txt", "requirements.txt"]
    assert {file.name: INDEX_OPTIONS.findall(file.read_bytes()) for file in files} == {
        file.name: [] for file in files
    }


def test_no_lock_with_addresses_is_tracked() -> None:
    assert not {Path(name).name for name in tracked_files()} & LOCKS_WITH_ADDRESSES


def test_a_place_is_found_and_an_address_is_not() -> None:
    assert [*machine_paths(b"see " + b"/wo" + b"rk/main/x.py")]
    assert [*machine_paths(b"see https://example.org/wo" + b"rk/main")] == []
