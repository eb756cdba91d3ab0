"""Small limits, so that what is made for much data also happens with little.

Chunks, pages, credit and queues have sizes that no seed fills. A world with tight limits has
them small: answers come in many parts, history comes from the database, credit runs out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from types import ModuleType
from unittest.mock import patch

TIGHT = {
    "BATCH_OPS": 7,
    "CHUNK_BYTES": 600,
    "CREDIT": 2,
    "OP_BYTES_MAX": 20_000,
    "INBOX_BYTES_MAX": 4_000,
    "INBOX_EVENTS_MAX": 12,
    "OUTBOX_BYTES_MAX": 6_000,
    "NEWS_MAX": 20,
    "TRANSIENT_BYTES_MAX": 2_000,
    "RECENT_BYTES_MAX": 700,
    "GROUP_OPS": 20,
    "SCAN_ENTRIES": 11,
    "COMMITS_AT_ONCE": 2,
    "INLINE_BYTES_MAX": 300,
    "_RANGES_IN_PART": 2,
    "BATCH_BYTES_MAX": 900,
    "PAGE_OPS": 9,
    "DECODE_INLINE_BYTES_MAX": 300,
    "QUESTION_BYTES_MAX": 200,
    "READ_BYTES": 500,
    "PAGE_BLOBS": 4,
    "SMALL_BYTES_MAX": 600,
    "PACK_BYTES_MAX": 1_200,
    "PACK_FILES_MAX": 3,
    "GROUP_BYTES": 500,
    "RESUMABLE_BYTES_MIN": 700,
    "PARTS_MAX": 2,
    "PARALLEL_TRANSFERS": 2,
    "FILES_AT_ONCE": 3,
    "WINDOW_BYTES_MAX": 500,
    "SYNCS_AT_ONCE": 2,
}
"""By the name of a limit, wherever the server, the mirror or FOLDER_MODULES have it."""

FOLDER_MODULES = ("sila_daemon.folder.blobs", "sila_daemon.folder.op_batch")


@cache
def homes_of(name: str) -> tuple[ModuleType, ...]:
    """Returns the modules in which a limit stands."""
    packages = ("sila_daemon.server.", "sila_daemon.mirror.", *FOLDER_MODULES)
    modules = [sys.modules[key] for key in sorted(sys.modules) if key.startswith(packages)]
    return tuple(module for module in modules if isinstance(vars(module).get(name), int))


@contextmanager
def tight_limits(is_tight: bool) -> Iterator[None]:
    """Has small limits within a `with` block, or leaves them as they are."""
    with ExitStack() as stack:
        for name, value in TIGHT.items() if is_tight else ():
            for module in homes_of(name):
                stack.enter_context(patch.object(module, name, value))
        yield
