"""Ends the app when its terminal is gone: a lost ssh connection, a closed window, a killed tmux.

The system tells of it by SIGHUP, but not in every case; without it the reader of keys would go on
reading nothing for ever, and the writer would end with the screen still being drawn. So a thread of
its own looks at the terminal, which works however much the loop is kept from running.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if sys.platform != "win32":
    import termios

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

LOOK_S = 1.0
GRACE_S = 5.0
"""How long the app has to keep its drafts and end, before it is ended."""
HUNG_UP = 129
"""The exit code of a program that SIGHUP ended, as shells say it."""

_GONE = frozenset({errno.EIO, errno.ENXIO, errno.EBADF})


def is_gone(descriptor: int) -> bool:
    """Tells whether a terminal that was there is not there any more."""
    if sys.platform == "win32":
        return False
    try:
        termios.tcgetattr(descriptor)
    except termios.error as error:
        return error.args[0] in _GONE
    return False


class TerminalWatch:
    """Looks after the terminal of one run of the app."""

    def __init__(
        self, descriptor: int, loop: asyncio.AbstractEventLoop, leave: Callable[[], object]
    ) -> None:
        """`leave` is called in the loop, once."""
        self._descriptor = descriptor
        self._loop = loop
        self._leave = leave
        self._thread = threading.Thread(target=self._look, name="terminal watch", daemon=True)

    def start(self) -> None:
        """Begins; SIGHUP and SIGTERM end the app in good order from now on."""
        if sys.platform != "win32":
            for number in (signal.SIGHUP, signal.SIGTERM):
                self._loop.add_signal_handler(number, self._leave)
        self._thread.start()

    def _look(self) -> None:
        while not is_gone(self._descriptor):
            time.sleep(LOOK_S)
        with suppress(RuntimeError):  # The loop has ended by itself.
            self._loop.call_soon_threadsafe(self._leave)
        # As it ends, whatever still writes to the terminal may wait for ever.
        time.sleep(GRACE_S)
        os._exit(HUNG_UP)
