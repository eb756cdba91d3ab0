"""A simulated process: its tasks can be killed at once, whatever they are doing."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, TypeVar

from tests.simulation.loop import CURRENT_PROCESS, TaskGroupOfProcess

T = TypeVar("T")

LAST_BREATH_S = 60.0
"""Virtual seconds in which the tasks of a dead process must have ended."""


def spawn_outside(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Starts a task of no process, whoever calls."""
    return asyncio.get_running_loop().create_task(work, context=Context())


class Process:
    """One start of one program."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_alive = True
        self._group = TaskGroupOfProcess(name)
        self._context = Context()
        self._context.run(CURRENT_PROCESS.set, self._group)

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Starts a task of this process; every task that it starts is too."""
        loop = asyncio.get_running_loop()
        return loop.create_task(work, context=self._context.copy())

    async def kill(self) -> None:
        """Ends everything. What tasks do as they end is done where nobody sees it.

        The caller parts the disk and the network from this process first.
        """
        self.is_alive = False
        while tasks := [task for task in self._group.tasks if not task.done()]:
            for task in tasks:
                task.cancel()
            _, left = await asyncio.wait(tasks, timeout=LAST_BREATH_S)
            assert not left, f"{self.name}: tasks that do not end: {left}"
        for task in self._group.tasks:
            if not task.cancelled():
                task.exception()  # Taken note of: the process is dead.
        self._group.tasks.clear()
