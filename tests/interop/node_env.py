"""npm packages for tests that need the original's own code, installed once and shared."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INSTALL_SECONDS_MAX = 240
_DONE = ".installed"


def node() -> str:
    """Returns the path of node; fails, rather than skips, where there is none."""
    found = shutil.which("node")
    assert found and shutil.which("npm"), (
        "node and npm are needed: the promise that the original reads what we write is tested "
        "with its own code"
    )
    return found


def ensure(packages: list[str]) -> Path:
    """Returns a folder whose `node_modules` holds `packages`, such as `reptree@0.9.0`.

    The first caller installs; others, in other processes too, wait for it.
    """
    node()
    name = hashlib.sha256(" ".join(sorted(packages)).encode()).hexdigest()[:12]
    folder = ROOT / ".cache" / f"node-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(descriptor)
        if not (folder / _DONE).exists():
            _install(folder, packages)
            (folder / _DONE).touch()
    finally:
        os.close(descriptor)
    return folder


def _lock(descriptor: int) -> None:
    import fcntl

    fcntl.flock(descriptor, fcntl.LOCK_EX)


def _install(folder: Path, packages: list[str]) -> None:
    manifest = {"name": "sila-interop", "private": True}
    (folder / "package.json").write_text(json.dumps(manifest), encoding="utf-8")
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-save", "--ignore-scripts"]
    done = subprocess.run(
        [*command, *packages],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS_MAX,
    )
    assert done.returncode == 0, f"npm could not install {packages}:\n{done.stderr}"
