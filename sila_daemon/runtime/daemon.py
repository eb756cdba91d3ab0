"""The daemon's process: takes the lock, runs everything until told to stop, and ends in time."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from sila_daemon import config
from sila_daemon.core.errors import SilaError, StorageError
from sila_daemon.paths import make_private_dir
from sila_daemon.ports import event_loop
from sila_daemon.ports.memory import limit_arenas
from sila_daemon.runtime.composition import Composition
from sila_daemon.runtime.instance_lock import InstanceLock
from sila_daemon.runtime.log_file import open_log, set_level
from sila_daemon.supervisor import run_unwrapped

if TYPE_CHECKING:
    from sila_daemon.config import Config
    from sila_daemon.paths import Paths
    from sila_daemon.runtime.log_file import Log

STOP_S_MAX = 9.0
"""People and service managers expect an end within 10 s. What is not flushed by then is owed by the
store, and written at the next start."""
_INTERNAL_ERROR = 70


def run_daemon(paths: Paths) -> int:
    """Runs the daemon until it is told to stop; returns its exit code.

    Raises SilaError for what keeps it from starting: AlreadyRunningError, UsageError, StorageError.
    """
    os.umask(0o077)
    limit_arenas()  # Before there are threads.
    with ExitStack() as stack:
        for place in (paths.data_dir, paths.stores_dir, paths.runtime_dir, paths.socket.parent):
            make_private_dir(place)
        stack.enter_context(InstanceLock(paths.lock_file))
        settings = read_config(paths)
        is_terminal = sys.stderr.isatty()
        log = stack.enter_context(open_log(paths.log_file, settings.log, to_terminal=is_terminal))
        log.info("starting", pid=os.getpid())
        try:
            code = event_loop.run(_Process(paths, settings, log).main())
        except SilaError as error:
            log.error("ended by an error", code=error.code, reason=error.message)
            raise
        except BaseException as error:
            log.critical("ended by a bug", exc_info=error)
            raise
        log.info("ended", exit_code=code)
        return code


def read_config(paths: Paths) -> Config:
    """Reads the settings file, which need not exist. Raises UsageError, StorageError."""
    try:
        return config.parse(paths.config_file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return config.Config()
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"cannot read {paths.config_file}: {error}") from error


def _end_in_time(log: Log) -> None:
    """Has the process end after STOP_S_MAX whatever hangs: a thread, or all that waits for it."""

    def end() -> None:
        log.error("could not flush in time; the store has everything")
        os._exit(_INTERNAL_ERROR)

    timer = threading.Timer(STOP_S_MAX, end)
    timer.daemon = True  # A process that ends in time takes it along.
    timer.start()


class _Process:
    """Signals in, one clean end out."""

    def __init__(self, paths: Paths, settings: Config, log: Log) -> None:
        self._paths = paths
        self._log = log
        self._stop = asyncio.Event()
        self._composition = Composition(paths, settings, log, self._stop.set, self._reload)

    async def main(self) -> int:
        """Works until a signal or a client says stop, then flushes."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_by_signal)
        work = asyncio.create_task(run_unwrapped(self._composition), name="daemon")
        stopping = asyncio.create_task(self._stop.wait(), name="stop")
        await asyncio.wait([work, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if work.done():
            await work
            return 0
        self._log.info("stopping")
        _end_in_time(self._log)
        work.cancel()
        await asyncio.wait([work])
        if not work.cancelled():
            await work
        return 0

    def _reload(self) -> None:
        """Takes over what can change while running. Raises UsageError and keeps the old."""
        settings = read_config(self._paths)
        set_level(settings.log)
        self._composition.reconfigure(settings)
        self._log.info("configuration read")

    def _reload_by_signal(self) -> None:
        try:
            self._reload()
        except SilaError as error:
            self._log.error("the configuration is refused; the old one stays", reason=error.message)
