"""What went wrong in a group of tasks, as one error."""

from __future__ import annotations

from sila_daemon.core.errors import SilaError


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
