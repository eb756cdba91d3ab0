"""The import contracts of pyproject.toml are kept, and each of them can be broken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the project's contracts on the two packages as they stand in `folder`."""
    env = {**os.environ, "PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1", "COLUMNS": "200"}
    code = (
        "import sys; from importlinter.cli import lint_imports; "
        f"sys.exit(lint_imports(config_filename={str(ROOT / 'pyproject.toml')!r}, no_cache=True))"
    )
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, text=True
    )


def packages_with(folder: Path, sources: dict[str, str]) -> Path:
    """Makes two packages in `folder` that hold one line in each named module and nothing else."""
    for name in ("sila_daemon", "sila_tui", "sila_daemon/core", "sila_daemon/server/http"):
        path = folder / name / "__init__.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (folder / "sila_daemon" / "server" / "__init__.py").touch()
    for name, line in sources.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(f"{line}\n", encoding="utf-8")
    return folder


def test_the_project_keeps_its_contracts() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("contract", "sources"),
    [
        pytest.param(
            "Imports inside sila_daemon point down, and every part has its place",
            {
                "sila_daemon/store/a.py": "import sila_daemon.mirror.b",
                "sila_daemon/mirror/b.py": "",
            },
            id="upwards",
        ),
        pytest.param(
            "Imports inside sila_daemon point down, and every part has its place",
            {"sila_daemon/mirror/a.py": "import sila_daemon.control.b"}
            | {"sila_daemon/control/b.py": ""},
            id="sideways",
        ),
        pytest.param(
            "Imports inside sila_daemon point down, and every part has its place",
            {"sila_daemon/utils.py": ""},
            id="without a place",
        ),
        pytest.param(
            "Imports inside sila_daemon point down, and every part has its place",
            {"sila_daemon/server/world.py": "import sila_daemon.store.b"}
            | {"sila_daemon/store/b.py": ""},
            id="server uses store",
        ),
        pytest.param(
            "Nothing but its own entry point imports the server",
            {"sila_daemon/cli/a.py": "import sila_daemon.server.world"}
            | {"sila_daemon/server/world.py": ""},
            id="cli uses server",
        ),
        pytest.param(
            "Imports inside the server point down, and every part has its place",
            {"sila_daemon/server/ops/a.py": "import sila_daemon.server.spaces.hub"}
            | {"sila_daemon/server/spaces/hub.py": ""},
            id="ops use spaces",
        ),
        pytest.param(
            "Imports inside the server point down, and every part has its place",
            {"sila_daemon/server/ops/a.py": "import sila_daemon.server.files.b"}
            | {"sila_daemon/server/files/b.py": ""},
            id="ops use files",
        ),
        pytest.param(
            "Imports inside the server point down, and every part has its place",
            {"sila_daemon/server/helpers.py": ""},
            id="a part of the server without a place",
        ),
        pytest.param(
            "What routes share knows no route",
            {"sila_daemon/server/http/common.py": "import sila_daemon.server.http.routes.b"}
            | {"sila_daemon/server/http/routes/b.py": ""},
            id="what is shared uses a route",
        ),
        pytest.param(
            "core knows no files, sockets, clocks, threads, randomness or environment",
            {"sila_daemon/core/a.py": "def f():\n    import time"},
            id="a clock",
        ),
        pytest.param(
            "core knows no files, sockets, clocks, threads, randomness or environment",
            {"sila_daemon/core/a.py": "import sila_daemon.ports.b"}
            | {"sila_daemon/ports/b.py": "import asyncio"},
            id="a loop by way of a port",
        ),
        pytest.param(
            "sila_tui reaches the daemon only through control's client and messages",
            {"sila_tui/a.py": "import sila_daemon.core"},
            id="tui uses core",
        ),
        pytest.param(
            "sila_tui reaches the daemon only through control's client and messages",
            {"sila_tui/a.py": "from sila_daemon.control import server"}
            | {"sila_daemon/control/server.py": ""},
            id="tui uses the control server",
        ),
        pytest.param(
            "sila_daemon runs where there is no screen",
            {"sila_daemon/cli/a.py": "import textual"},
            id="daemon uses textual",
        ),
    ],
)
def test_a_breach_is_found(contract: str, sources: dict[str, str], tmp_path: Path) -> None:
    done = lint(packages_with(tmp_path, sources))
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contract} BROKEN" in done.stdout
    assert done.stdout.count(" BROKEN") == 1, done.stdout


def test_the_tui_may_use_the_control_client(tmp_path: Path) -> None:
    sources = {
        "sila_tui/a.py": "from sila_daemon.control import client, messages",
        "sila_daemon/control/client.py": "import sila_daemon.core",
        "sila_daemon/control/messages.py": "",
    }
    done = lint(packages_with(tmp_path, sources))
    assert done.returncode == 0, done.stdout + done.stderr
