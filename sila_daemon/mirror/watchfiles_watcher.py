"""File events of the real file system: one watch for the folders of all spaces.

What the library misses or dies of (a full queue, a name that is not Unicode, a root that was
replaced) costs nothing but time: after every end all roots are to be looked at again, and the
watch is made anew.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.mirror.back_off import BackOff

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


class WatchfilesWatcher:
    """Watches every subscribed root. `run` works until cancelled."""

    def __init__(self, clock: Clock, randomness: Randomness) -> None:
        self._clock = clock
        self._back_off = BackOff(randomness, RETRY_S_MAX)
        self._roots: dict[Path, list[OnHint]] = {}
        self._changed = asyncio.Event()
        self.problem = ""
        """Why there are no events just now; scans go on."""

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
                self.problem = f"file events are not to be had: {error}"
                await self._wait(self._back_off.next_s())
            # Something may have happened while nobody watched.
            self._tell(frozenset())

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
                self.problem = ""
                self._back_off.reset()
                self._tell(frozenset(Path(path) for _, path in changes))
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

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass

    def _tell(self, paths: frozenset[Path]) -> None:
        for root, listeners in list(self._roots.items()):
            below = frozenset(path for path in paths if path.is_relative_to(root))
            if below or not paths:
                for on_hint in tuple(listeners):
                    on_hint(below)


def _inode(root: Path) -> int | None:
    try:
        return root.stat().st_ino
    except OSError:
        return None
