"""The interpreter's garbage collector, set for a process that lives long."""

from __future__ import annotations

import gc

_THRESHOLDS = (20_000, 10, 50)
"""Bulk loads make hundreds of thousands of objects without a cycle among them."""


def tune() -> None:
    """Takes what was loaded up to now out of the collector's way, for good.

    A full collection holds every thread. Most of what it goes through are modules, functions and
    types, which stay anyway: with them it takes 30 ms and more, without them next to nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
