"""A call that may wait for files from a server: what comes is shown meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from sila_daemon.cli.daemon_call import ask
from sila_daemon.cli.status import time_left
from sila_daemon.cli.wording import size
from sila_daemon.core.errors import SilaError

if TYPE_CHECKING:
    from sila_daemon.cli.output import Output, Step

QUIET_S = 0.3
"""What is done so soon needs no words."""

LOOK_S = 0.5
"""A look waits so long for something new, and so does the end of the command at most."""


def ask_showing_files(output: Output, method: str, *, space: str, **params: Any) -> Any:
    """Calls a method of the daemon, and shows what is received on a terminal. Raises SilaError."""
    if not output.shows_progress:
        return ask(method, space=space, **params)
    call = _Call(method, {"space": space, **params})
    call.join(QUIET_S)
    if call.is_alive():
        with output.progress() as step:
            _follow(call, step, space)
    return call.result()


class _Call(threading.Thread):
    """A call on a thread of its own: the daemon answers it when it is done."""

    def __init__(self, method: str, params: dict[str, Any]) -> None:
        super().__init__(daemon=True)  # Who interrupts the command waits for nothing.
        self._method = method
        self._params = params
        self._result: Any = None
        self._error: SilaError | None = None
        self.start()

    def run(self) -> None:
        """Keeps what comes of it."""
        try:
            self._result = ask(self._method, **self._params)
        except SilaError as error:
            self._error = error

    def result(self) -> Any:
        """Returns the answer. Raises SilaError."""
        self.join()
        if self._error is not None:
            raise self._error
        return self._result


def _follow(call: _Call, step: Step, space: str) -> None:
    """Shows what comes until the call has ended, which itself says what is wrong."""
    revision: int | None = None
    while call.is_alive():
        try:
            answer = ask("transfer.list", space=space, after=revision, wait=LOOK_S)
        except SilaError:
            call.join(LOOK_S)
            continue
        revision = int(answer["revision"])
        shown = progress_of(answer)
        if shown is not None:
            step(*shown)


def progress_of(answer: dict[str, Any]) -> tuple[str, int, int] | None:
    """Returns what to say of the files that come, and how many kB of how many are here."""
    coming = [one for one in answer["transfers"] if one["direction"] == "down"]
    if not coming:
        return None
    way = next(one for one in answer["totals"] if one["direction"] == "down")
    words = [f"{size(way['bytesPerSecond'])}/s"]
    if way["secondsLeft"]:
        words.append(f"{time_left(way['secondsLeft'])} left")
    done = sum(one["done"] for one in coming)
    total = sum(one["total"] or one["done"] for one in coming)
    return " · ".join(words), done // 1000, total // 1000
