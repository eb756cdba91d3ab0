"""How the process gets its memory."""

from __future__ import annotations

import sys

_M_ARENA_MAX = -8
"""Of `mallopt`, in glibc's malloc.h."""
ARENAS_MAX = 2


def limit_arenas() -> bool:
    """Has glibc keep two heaps for all threads, not eight for each core; tells whether it does.

    Threads that only wait for the disk do not compete for them, and what one frees another can use:
    some MB less for an idle daemon. Elsewhere nothing is done.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        import ctypes
    except ImportError:
        return False  # Some builds of Python have none, and nothing here depends on it.

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_M_ARENA_MAX, ARENAS_MAX))
