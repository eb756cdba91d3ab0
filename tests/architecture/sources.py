"""What the architecture tests look at: the project's modules and the files that git tracks."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("sila_daemon", "sila_tui")


@dataclass(frozen=True)
class Module:
    """One module of the two packages, parsed but not imported."""

    name: str
    path: Path
    text: str
    tree: ast.Module

    @property
    def is_public(self) -> bool:
        """Whether no part of its name starts with an underscore."""
        return not any(part.startswith("_") for part in self.name.split("."))


@cache
def modules() -> tuple[Module, ...]:
    """Every module below the two packages, by name, whether or not anything imports it."""
    found = [_parsed(path) for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return tuple(sorted(found, key=lambda module: module.name))


def module_names(package: str) -> list[str]:
    """The names of `package` and of all modules below it."""
    return [
        module.name
        for module in modules()
        if module.name == package or module.name.startswith(f"{package}.")
    ]


@cache
def tracked_files() -> tuple[str, ...]:
    """The paths that git tracks, relative to the root, with forward slashes."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True
    ).stdout
    return tuple(name for name in listing.decode("utf-8", "surrogateescape").split("\0") if name)


def _parsed(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    text = path.read_text(encoding="utf-8")
    return Module(name, path, text, ast.parse(text, filename=str(path)))
