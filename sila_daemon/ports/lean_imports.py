"""Imports that leave out what a library loads only because it happens to be installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def left_out(*packages: str) -> Iterator[None]:
    """Has packages that are not loaded yet appear not to be installed, within a block.

    For libraries that do without them: what they then do not load is megabytes that nobody uses.
    """
    absent = [name for name in packages if name not in sys.modules]
    for name in absent:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in absent:
            if sys.modules.get(name, sys) is None:
                sys.modules.pop(name, None)
