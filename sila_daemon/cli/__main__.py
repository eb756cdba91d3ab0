"""Runs the command line as `python -m sila_daemon.cli`."""

from __future__ import annotations

import sys

from sila_daemon.cli.main import main

sys.exit(main())
