"""Packages from npm for the tests that run the original's own code in node.

They are installed once into `.cache/` of the checkout. Where node is missing the tests fail:
a check that skips itself is none.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[2]
INSTALL_SECONDS_MAX = 50
RUN_SECONDS_MAX = 50


def ensure(packages: Iterable[str]) -> Path:
    """Returns a folder whose `node_modules` has the packages, each given as `name@version`."""
    wanted = sorted(packages)
    name = hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:16]
    folder = CHECKOUT / ".cache" / "node" / name
    folder.mkdir(parents=True, exist_ok=True)
    ready = folder / "ready"
    # Several workers of a test run may come here at once; the first one installs.
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready.exists():
            _install(wanted, folder)
            ready.touch()
    return folder


def _install(packages: list[str], folder: Path) -> None:
    npm = shutil.which("npm")
    assert npm, "npm is missing: install node, which CI has and these tests need"
    (folder / "package.json").write_text('{"private": true}\n')
    command = [npm, "install", "--no-save", "--no-audit", "--no-fund", *packages]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX
    )
    assert done.returncode == 0, f"npm install failed:\n{done.stdout}\n{done.stderr}"


def run(script: Path, folder: Path, *arguments: str, stdin: Any = None) -> Any:
    """Runs a module of ours in node beside `folder`'s packages.

    `stdin` is given to it as JSON; what it prints is read as JSON.
    """
    node = shutil.which("node")
    assert node, "node is missing: CI has it and these tests need it"
    done = subprocess.run(
        [node, str(script), *arguments],
        cwd=folder,
        # Escapes throughout, so that lone surrogates reach node as they are.
        input=json.dumps(stdin).encode(),
        capture_output=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return json.loads(done.stdout)
