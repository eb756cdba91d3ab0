"""`python -m sila_tui` is `sila-tui`."""

from __future__ import annotations

import sys

from sila_tui.cli import main

sys.exit(main())
