"""The top level shows what the project is; everything else lives below one of these names."""

from __future__ import annotations

from tests.architecture.sources import tracked_files

ALLOWED = {"CHANGELOG.md", "LICENSE", "Makefile", "README.md", "pyproject.toml"} | {
    "docs", "screenshots", "sila_daemon", "sila_tui", "tests",
}  # fmt: skip


def test_only_known_names_at_the_top() -> None:
    top = {name.partition("/")[0] for name in tracked_files()}
    requirements = {n for n in top if n.startswith("requirements") and n.endswith(".txt")}
    dotfiles = {name for name in top if name.startswith(".")}
    assert top - ALLOWED - requirements - dotfiles == set()
