"""Measures loading and merging, the server, the daemon, files and the terminal app.

usage: make bench [ARGS="--only loads|server|daemon|files|tui|flatness --rounds N --write"]
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from tempfile import TemporaryDirectory

from tests.benchmarks.daemon_figures import daemon_figures
from tests.benchmarks.file_figures import file_figures
from tests.benchmarks.load_figures import load_figures
from tests.benchmarks.report import table, write_between_markers
from tests.benchmarks.server_figures import flatness_figures, server_figures
from tests.benchmarks.tui_figures import tui_figures
from tests.interop.node_env import ROOT

PAGE = ROOT / "docs" / "performance.md"
SECTIONS = {
    "loads": load_figures,
    "server": server_figures,
    "daemon": daemon_figures,
    "files": file_figures,
    "tui": tui_figures,
}
ON_REQUEST = {"flatness": flatness_figures}
"""Takes so long that it is measured only when it is named."""


def main() -> int:
    """Prints the tables; returns 1 when a promise is not kept."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=[*SECTIONS, *ON_REQUEST], help="measure only one section")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each contestant")
    parser.add_argument("--write", action="store_true", help="write the tables to docs/")
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="sila-bench-") as place:
        _keep_bytecode(place)
        return 0 if _are_kept(arguments) else 1


def _keep_bytecode(place: str) -> None:
    """Has programs compile what they import once, as those that are installed do.

    Where no bytecode is written, each start would be measured with compiling everything.
    """
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ["PYTHONPYCACHEPREFIX"] = place


def _are_kept(arguments: argparse.Namespace) -> bool:
    """Measures, prints and writes what was asked for; tells whether every promise is kept."""
    are_kept = True
    for section in [arguments.only] if arguments.only else SECTIONS:
        figures = (SECTIONS | ON_REQUEST)[section](arguments.rounds)
        are_kept = are_kept and all(figure.is_kept for figure in figures)
        text = f"{table(figures)}\n\n{_circumstances(arguments.rounds)}"
        print(text)
        if arguments.write:
            write_between_markers(PAGE, section, text)
    return are_kept


def _circumstances(rounds: int) -> str:
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"
    shared = f"load {os.getloadavg()[1]:.1f} at the end, the bench's own included"
    return (
        f"Medians of {rounds} alternating runs in one go where runs are many; {machine}; {shared}."
    )


if __name__ == "__main__":
    sys.exit(main())
