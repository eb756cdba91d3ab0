"""The garbage collector of the interpreter, out of the way while a great deal is made at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Iterator[None]:
    """Keeps the collector from running inside the block.

    Loading makes hundreds of thousands of objects that all live on. The collector would go
    through them again and again and find nothing: a fifth of the time for a million ops. When
    two threads pause at once the first to end lets it run again, which costs time, not truth.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
