"""One run of each contestant, always in a process of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.interop import node_env

HERE = Path(__file__).parent
CACHE = node_env.ROOT / ".cache" / "bench"


def space_of(vertices: int) -> Path:
    """Returns a space folder with so many vertices, made when it is not there yet."""
    space = CACHE / f"space-{vertices}"
    if not (space / "sila.md").exists() or not (space / "made").exists():
        command = [sys.executable, str(HERE / "make_space.py"), str(vertices), str(space)]
        subprocess.run(command, check=True, capture_output=True)
        (space / "made").touch()
    return space


def chats_of(chats: int, messages_each: int) -> Path:
    """Returns the folder of a space with so many chats, made when it is not there yet."""
    space = CACHE / f"chats-{chats}-{messages_each}"
    if not (space / "sila.md").exists() or not (CACHE / f"{space.name}-made").exists():
        shutil.rmtree(space, ignore_errors=True)
        space.parent.mkdir(parents=True, exist_ok=True)
        _python("tests.benchmarks.make_chats", str(chats), str(messages_each), str(space))
        (CACHE / f"{space.name}-made").touch()
    return space


def loro_updates_of(vertices: int) -> Path:
    """Returns a file with the same history as Loro updates, made when it is not there yet."""
    updates = CACHE / f"loro-{vertices}.updates"
    if not updates.exists():
        _python("tests.benchmarks.loro_history", "make", str(space_of(vertices)), str(updates))
    return updates


def load_ours(vertices: int, *, late_ops: int = 0) -> dict[str, Any]:
    """Loads a space with our core; see `load_space`."""
    arguments = [str(late_ops)] if late_ops else []
    printed = _python("tests.benchmarks.load_space", str(space_of(vertices)), *arguments)
    figures: dict[str, Any] = json.loads(printed)
    return figures


def load_reptree(vertices: int, *, in_order: bool = True) -> dict[str, Any]:
    """Loads a space with npm's reptree, its ops sorted first or file by file."""
    folder = node_env.ensure(["reptree@0.9.0"])
    arguments = [] if in_order else ["unsorted"]
    command = [node_env.node(), str(HERE / "reptree_load.mjs"), str(space_of(vertices)), *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    figures["seconds"] = (figures["parse_ms"] + figures["build_ms"]) / 1000
    return figures


def load_loro(vertices: int) -> dict[str, Any]:
    """Imports the same history into a Loro document."""
    printed = _python("tests.benchmarks.loro_history", "load", str(loro_updates_of(vertices)))
    figures: dict[str, Any] = json.loads(printed)
    return figures


def _python(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=node_env.ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{module} failed:\n{done.stderr}")
    return done.stdout
