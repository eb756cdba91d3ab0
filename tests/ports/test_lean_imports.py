"""Packages that are left out of what a library loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sila_daemon.ports.lean_imports import left_out


def test_a_package_is_not_to_be_had_within_the_block_and_is_after_it() -> None:
    sys.modules.pop("colorsys", None)
    with left_out("colorsys", "json"):
        with pytest.raises(ImportError):
            __import__("colorsys")
        assert __import__("json").dumps(1) == "1", "it was loaded before"
    assert __import__("colorsys").rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)


def test_the_connector_loads_neither_of_what_it_does_not_use() -> None:
    code = (
        "import sys\n"
        "from sila_daemon.mirror.socketio_connector import load_libraries\n"
        "import sila_daemon.runtime.log_file\n"
        "load_libraries()\n"
        "assert sys.modules['socketio'].AsyncClient\n"
        "print(*{'redis', 'requests', 'rich'}.intersection(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
