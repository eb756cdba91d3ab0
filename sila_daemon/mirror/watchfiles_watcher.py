"""File events of the real file system: one watch for the folders of all spaces.

What the library misses or dies of (a full queue, a name that is not Unicode, a root that was
replaced) costs nothing but time: after every end all roots are to be looked at again, and the
watch is made anew. When that fails again and again, or the system's limits are reached, `trouble`
says so, and others look instead.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.mirror.back_off import BackOff
from sila_daemon.ports.durable_files import is_temporary

if TYPE_CHECKING:
    from collections.abc import Callable

    from sila_daemon.mirror.watcher import OnHint
    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.randomness import Randomness

STEP_MS = 200
"""Shorter steps cost more while nothing happens."""

DEBOUNCE_MS = 400
RETRY_S_MAX = 30.0
ROOT_CHECK_S = 5.0
"""How often it is checked whether a root is still the directory that is watched."""


FAILURES_MAX = 3
"""After so many in a row events are not relied on."""

_LIMITS = Path("/proc/sys/fs/inotify")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why there are no events, and what to set."""

    reason: str
    hint: str = ""


class WatchfilesWatcher:
    """Watches every subscribed root. `run` works until cancelled."""

    def __init__(self, clock: Clock, randomness: Randomness) -> None:
        self._clock = clock
        self._back_off = BackOff(randomness, RETRY_S_MAX)
        self._roots: dict[Path, list[OnHint]] = {}
        self._changed = asyncio.Event()
        self._failures = 0
        self._turned = asyncio.Event()
        self.trouble: Trouble | None = None
        """Why there are no events for the time being; it is tried again and again."""

    def subscribe(self, root: Path, on_hint: OnHint) -> Callable[[], None]:
        """Has `on_hint` called for what happens below `root`."""
        self._roots.setdefault(root, []).append(on_hint)
        self._changed.set()

        def end() -> None:
            self._roots[root].remove(on_hint)
            if not self._roots[root]:
                del self._roots[root]
            self._changed.set()

        return end

    async def run(self) -> None:
        """Watches; anew whenever the roots change or the watch ends."""
        while True:
            self._changed.clear()
            roots = {root: inode for root in self._roots if (inode := _inode(root)) is not None}
            if not roots:
                await self._wait(ROOT_CHECK_S)
                continue
            try:
                await self._watch(roots)
            except (OSError, RuntimeError) as error:
                self._failed(str(error))
                await self._wait(self._back_off.next_s())
            # Something may have happened while nobody watched.
            for listeners in list(self._roots.values()):
                _call(listeners, frozenset())

    async def _watch(self, roots: dict[Path, int]) -> None:
        from watchfiles import awatch

        stop = asyncio.Event()
        guard = asyncio.ensure_future(self._stop_when_stale(roots, stop))
        try:
            async for changes in awatch(
                *roots,
                watch_filter=None,
                debounce=DEBOUNCE_MS,
                step=STEP_MS,
                stop_event=stop,
                recursive=True,
            ):
                self._works()
                self._tell_below({path for _, path in changes})
        finally:
            stop.set()
            guard.cancel()
            await asyncio.gather(guard, return_exceptions=True)

    async def _stop_when_stale(self, roots: dict[Path, int], stop: asyncio.Event) -> None:
        """Ends the watch when roots came, went or were replaced: it would be deaf to them."""
        while True:
            if {root: _inode(root) for root in self._roots if _inode(root)} != roots:
                stop.set()
                return
            await self._wait(ROOT_CHECK_S)
            self._changed.clear()
            self._works()  # Else it would have ended, and this with it.

    async def changed(self, timeout_s: float) -> None:
        """Returns when there is trouble or none any more, or after a while."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._turned.wait()
        except TimeoutError:
            pass

    def _works(self) -> None:
        self._failures = 0
        self._back_off.reset()
        self._set_trouble(None)

    def _failed(self, message: str) -> None:
        self._failures += 1
        limit = limit_reached(message)
        if limit is not None or self._failures >= FAILURES_MAX:
            self._set_trouble(limit or Trouble(f"file events are not to be had ({message})"))

    def _set_trouble(self, trouble: Trouble | None) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            turned, self._turned = self._turned, asyncio.Event()
            turned.set()

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass

    def _tell_below(self, paths: set[str]) -> None:
        """Tells who listens at a root what changed there, but for what is being written.

        Much that comes here is the echo of what this process writes: it is sorted out as text.
        """
        told = [path for path in paths if not is_temporary(path[path.rfind(os.sep) + 1 :])]
        for root, listeners in list(self._roots.items()):
            top = str(root)
            above = top.removesuffix(os.sep) + os.sep
            below = [path for path in told if path.startswith(above) or path == top]
            if below:
                _call(listeners, frozenset(map(Path, below)))


def _call(listeners: list[OnHint], paths: frozenset[Path]) -> None:
    for on_hint in tuple(listeners):
        on_hint(paths)


def limit_reached(message: str) -> Trouble | None:
    """Returns which of the system's limits an error of the library tells of, if it is one."""
    if "os error 28" in message or "watch limit" in message:
        name, what = "max_user_watches", "no more folders can be watched"
    elif "os error 24" in message:
        name, what = "max_user_instances", "no more programs can watch files"
    else:
        return None
    try:
        now = int((_LIMITS / name).read_text())
    except (OSError, ValueError):
        return Trouble(what)
    return Trouble(
        f"{what} (fs.inotify.{name} is {now})", f"sudo sysctl fs.inotify.{name}={max(now, 256) * 4}"
    )


def _inode(root: Path) -> int | None:
    try:
        return root.stat().st_ino
    except OSError:
        return None
