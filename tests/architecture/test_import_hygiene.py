"""What importing a module really loads, measured in a fresh interpreter.

The contracts read source text; this also sees what third parties pull in, which is what a command's
start-up time and the purity of the core depend on. The modules are found by walking the packages,
so that a new one is measured from its first day.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.architecture.sources import ROOT, module_names

NEVER_LOADED = {
    "sila_daemon": {"sila_tui", "textual"},
    "sila_daemon.core": {"aiohttp", "anyio", "apsw", "asyncio", "cryptography", "keyring"}
    | {"socketio", "sqlite3", "starlette", "watchfiles"},
    # Made for screens: it takes a sixth of the daemon's start, and memory for good.
    "sila_daemon.runtime": {"rich"},
    "sila_daemon.cli.main": {"aiohttp", "cryptography", "socketio", "starlette", "uvicorn"},
}
"""What no module at or below a name may load, directly or through others."""


def loaded_by(module: str) -> set[str]:
    """The top-level names in sys.modules after `module` alone has been imported."""
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{module} cannot be imported by itself:\n{done.stderr}"
    return set(done.stdout.split())


def forbidden_to(module: str) -> set[str]:
    """Everything that `module` may not load."""
    return {
        name
        for place, names in NEVER_LOADED.items()
        if module == place or module.startswith(f"{place}.")
        for name in names
    }


def parts() -> dict[str, list[str]]:
    """The modules by the package they are in, so that no test takes minutes."""
    names = [name for name in module_names("sila_daemon") if not name.endswith("__main__")]
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name.rpartition(".")[0] or name, []).append(name)
    return found


@pytest.mark.parametrize("part", sorted(parts()))
def test_every_module_loads_by_itself_and_only_what_it_may(part: str) -> None:
    """Each in an interpreter of its own, so that no import order hides a cycle."""
    names = parts()[part]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        loaded = dict(zip(names, pool.map(loaded_by, names), strict=True))
    found = {name: loaded[name] & forbidden_to(name) for name in names}
    assert {name: names for name, names in found.items() if names} == {}


def test_what_is_loaded_indirectly_is_seen() -> None:
    assert "asyncio" in loaded_by("aiohttp")
    assert "asyncio" in forbidden_to("sila_daemon.core.anything")
    assert "asyncio" not in forbidden_to("sila_daemon.corelike")


def test_console_scripts_lead_to_a_function() -> None:
    """A script may lack its module only while its whole package is still to come."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for script, target in project["scripts"].items():
        module, _, function = target.partition(":")
        if len(module_names(module.rpartition(".")[0])) <= 1:
            continue
        assert module in module_names(module), f"{script}: there is no {module}"
        code = f"import {module} as m, sys; sys.exit(not callable(getattr(m, {function!r}, None)))"
        assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0, script
