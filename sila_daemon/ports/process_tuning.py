"""The interpreter's garbage collector and threads, set for a process that lives long."""

from __future__ import annotations

import gc
import sys

_THRESHOLDS = (20_000, 10, 50)
"""Bulk loads make hundreds of thousands of objects without a cycle among them."""


_SWITCH_S = 0.001
"""How long a thread that computes lets the event loop wait; by default it is five times this."""


def tune() -> None:
    """Has the event loop wait less for others; to be called once everything is loaded.

    A full collection holds every thread. Much of what it goes through are modules, functions and
    types, which stay anyway: with them it takes 30 ms and more, without them next to nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    sys.setswitchinterval(_SWITCH_S)
