"""What went wrong in a group of tasks, as one error."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from sila_daemon.core.errors import SilaError

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


async def apart(work: Coroutine[Any, Any, T]) -> T:
    """Returns what `work` returns; of a group of errors raises the first of our own.

    It runs in a task of its own: before Python 3.13 a TaskGroup that fails in the very moment
    in which its task is cancelled tells of the failure only, and who goes on after failures
    would then never end. The caller's task has no group, so its cancellation is never lost.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task])
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    try:
        return task.result()
    except BaseExceptionGroup as errors:
        raise first_error(errors) from None


def first_error(errors: BaseExceptionGroup[BaseException]) -> SilaError:
    """Returns the first of our own errors.

    Raises anything else that is in the group: it is a bug, or the end of the process.
    """
    known: SilaError | None = None
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            found = first_error(error)
        elif isinstance(error, SilaError):
            found = error
        else:
            raise error
        known = known or found
    assert known is not None, "a group is never empty"
    return known
