"""An event loop in virtual time: no selector, no threads, and an order that a seed decides.

Of everything that is ready, the next is drawn by chance (or taken in turn, in the mode that is
like the real loop). Time stands still while anything is ready, and then jumps to the next timer.
With neither, everybody waits for somebody: that is a deadlock, and it ends the run.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import traceback
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

STEPS_MAX = 3_000_000
"""Of one run: more is a loop that never rests."""


class DeadlockError(AssertionError):
    """Nothing is ready, and no timer will make anything ready."""


def _always_first() -> float:
    return 0.0


class TaskGroupOfProcess:
    """The tasks that one simulated process has started, so that it can be killed as a whole."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tasks: list[asyncio.Task[Any]] = []

    def add(self, task: asyncio.Task[Any]) -> None:
        """Takes note of a task, and lets go of some that have ended."""
        if len(self.tasks) >= 256:
            self.tasks = [kept for kept in self.tasks if not kept.done()]
        self.tasks.append(task)


CURRENT_PROCESS: ContextVar[TaskGroupOfProcess | None] = ContextVar("process", default=None)


class _SimTask(asyncio.Task[T]):
    """A task whose hash is its number: sets of tasks then have the same order in every run."""

    number = 0

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class _SimHandle(asyncio.Handle):
    """A handle without what only the real loop's debug mode needs: there is one for each step."""

    __slots__ = ()

    def __init__(self, callback: Any, args: tuple[Any, ...], context: Context | None) -> None:
        self._callback = callback
        self._args = args
        self._context = copy_context() if context is None else context
        self._cancelled = False
        self._repr = self._source_traceback = None

    def cancel(self) -> None:
        self._cancelled = True
        self._callback, self._args = None, ()


class _SimTimer(asyncio.TimerHandle):
    """The same with a moment."""

    __slots__ = ()

    def __init__(
        self, when: float, callback: Any, args: tuple[Any, ...], context: Context | None
    ) -> None:
        self._when = when
        self._callback = callback
        self._args = args
        self._context = copy_context() if context is None else context
        self._cancelled = self._scheduled = False
        self._repr = self._source_traceback = None

    def cancel(self) -> None:
        """Leaves the timer where it is: cancelled ones are passed over."""
        self._cancelled = True
        self._callback, self._args = None, ()


class SimLoop(asyncio.BaseEventLoop):
    """The loop of one run."""

    def __init__(self, random: Random, *, first_in_first_out: bool = False) -> None:
        super().__init__()
        self._random = random
        self._first_in_first_out = first_in_first_out
        self._now = 0.0
        self._steps = 0
        self._count = itertools.count(1)
        self._waiting: list[tuple[float, int, _SimTimer]] = []
        self._runnable: list[asyncio.Handle] = []
        self.failures: list[str] = []
        """What went wrong where nobody waited for it."""
        self.set_task_factory(self._new_task)
        self.set_exception_handler(self._note_failure)

    # False, said by what is no Python function: it is asked with every future and handle.
    get_debug = staticmethod(bool)

    def time(self) -> float:
        """Returns virtual seconds since the run began."""
        return self._now

    @property
    def steps(self) -> int:
        """How many callbacks have run."""
        return self._steps

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Makes a callback ready."""
        handle = _SimHandle(callback, args, context)
        self._runnable.append(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Is the same: there are no threads."""
        return self.call_soon(callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Makes a callback ready at a virtual moment."""
        timer = _SimTimer(when, callback, args, context)
        heapq.heappush(self._waiting, (when, next(self._count), timer))
        return timer

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Makes a callback ready after virtual seconds."""
        when = self._now + delay
        timer = _SimTimer(when, callback, args, context)
        heapq.heappush(self._waiting, (when, next(self._count), timer))
        return timer

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Refuses: code that is simulated uses the port Workers."""
        raise AssertionError(f"a thread is asked for to run {func}")

    def _process_events(self, event_list: Any) -> None:
        """Has nothing to do: there is no selector."""

    def _write_to_self(self) -> None:
        """Has nobody to wake."""

    def _run_once(self) -> None:
        """Runs one callback after the other until the loop is stopped."""
        runnable, waiting, draw = self._runnable, self._waiting, self._random.random
        if self._first_in_first_out:
            draw = _always_first
        while not self._stopping:
            if not runnable or (waiting and waiting[0][0] <= self._now):
                self._wake_due()
            count = len(runnable)
            handle: Any = runnable.pop(int(draw() * count) if count > 1 else 0)
            if not handle._cancelled:
                self._steps += 1
                if self._steps > STEPS_MAX:
                    raise AssertionError(f"no rest after {STEPS_MAX} steps, at {self._now:.3f} s")
                try:
                    handle._context.run(handle._callback, *handle._args)
                except Exception as error:
                    told = {"message": "a callback failed", "exception": error}
                    self.call_exception_handler(told)

    def _wake_due(self) -> None:
        """Makes timers ready that are due, after a jump to the next one if nothing is ready."""
        runnable, waiting = self._runnable, self._waiting
        while waiting and waiting[0][2]._cancelled:
            heapq.heappop(waiting)
        if not runnable:
            if not waiting:
                raise DeadlockError(f"everybody waits for somebody at {self._now:.3f} s")
            self._now = max(self._now, waiting[0][0])
        while waiting and waiting[0][0] <= self._now:
            timer = heapq.heappop(waiting)[2]
            if not timer._cancelled:
                runnable.append(timer)

    _stopping: bool

    def _new_task(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, T] | Generator[Any, None, T],
        **options: Any,
    ) -> asyncio.Task[T]:
        number = next(self._count)
        options["name"] = options.get("name") or f"task {number}"
        _SimTask.number = number  # The base class hashes a task while it is being made.
        task: _SimTask[T] = _SimTask(coroutine, loop=loop, **options)
        task.number = number
        context: Context | None = options.get("context")
        process = CURRENT_PROCESS.get() if context is None else context.get(CURRENT_PROCESS)
        if process is not None:
            process.add(task)
        return task

    def _note_failure(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        told = "".join(traceback.format_exception(error)) if error else ""
        self.failures.append(f"{context.get('message')}: {error!r}\n{told}")
