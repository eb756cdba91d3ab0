"""`make soak`: an hour of trouble for two real daemons and a real server.

usage: python -m tests.soak [--minutes N] [--seed N]

Both devices edit at random; one is restarted and killed, so is the server, and connections are
cut. In the end both folders must say the same and everything that was acknowledged, and what lived
on must not have grown.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from tests.soak.soak import Soak, SoakError


def main() -> int:
    """Runs the soak; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1, help="which troubles come, and when")
    arguments = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="sila-soak-"))
    try:
        told = asyncio.run(Soak(place, arguments.minutes * 60, arguments.seed).run())
    except SoakError as error:
        sys.stderr.write(f"{error}\nwhat everybody wrote is kept in {place}\n")
        return 1
    shutil.rmtree(place)
    sys.stdout.write("\n".join(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
