"""The handler of `space sample`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.ports.clock import SystemClock
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.randomness import SystemRandomness
from sila_daemon.sample.sample_space import write_sample_space

if TYPE_CHECKING:
    import argparse

    from sila_daemon.cli.output import Output


def sample(arguments: argparse.Namespace, output: Output) -> None:
    """Writes the sample space into a new folder; needs no daemon."""
    root = Path(os.path.abspath(os.path.expanduser(arguments.path)))
    made = write_sample_space(root, SystemDisk(), SystemClock(), SystemRandomness(), arguments.name)
    output.result(
        {"id": made.space_id, "name": made.name, "path": str(root), "ops": made.op_count},
        [
            f"Made the sample space {made.name} ({made.space_id}) in {root}",
            f"To have the daemon look after it: sila-daemon space add {root}",
        ],
    )
