"""Runs many seeds in worker processes that are watched: none may hang, grow or die unseen.

A worker gets one seed at a time over a pipe. One that takes too long is asked where it is and
then killed, one that dies is replaced; in both cases the seed has failed. Workers are replaced
after some hundred seeds in any case, so that a long run needs no more memory than a short one.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess
    from types import FrameType

SEED_S_MAX = 90.0
"""Wall-clock seconds for one seed, on a machine that has other things to do too."""
WORKER_SEEDS_MAX = 300
LAST_WORDS_S = 3.0


@dataclass(frozen=True, slots=True)
class SeedResult:
    """What came of one seed."""

    seed: int
    violation: str = ""
    faults: dict[str, int] = field(default_factory=dict)
    virtual_s: float = 0.0
    cpu_s: float = 0.0
    memory_mb: float = 0.0
    """The most that its worker ever used."""


Job = Callable[[int], SeedResult]


class SeedPool:
    """Some workers, each with at most one seed under way."""

    def __init__(
        self,
        job: Job,
        workers: int | None = None,
        *,
        seed_s_max: float = SEED_S_MAX,
        worker_seeds_max: int = WORKER_SEEDS_MAX,
    ) -> None:
        self._job = job
        self._size = workers or os.cpu_count() or 1
        self._seed_s_max = seed_s_max
        self._worker_seeds_max = worker_seeds_max
        self._workers: list[_Worker] = []

    def run(self, seeds: Iterator[int]) -> Iterator[SeedResult]:
        """Yields the result of every seed, in the order in which they come."""
        try:
            for seed in seeds:
                self._idle_worker().begin(seed)
                while not self._has_room():
                    yield from self._results()
            while any(worker.seed is not None for worker in self._workers):
                yield from self._results()
        finally:
            for worker in self._workers:
                worker.end()
            self._workers.clear()

    def _has_room(self) -> bool:
        return len(self._workers) < self._size or any(w.seed is None for w in self._workers)

    def _idle_worker(self) -> _Worker:
        for worker in self._workers:
            if worker.seed is None:
                return worker
        worker = _Worker(self._job, self._seed_s_max)
        self._workers.append(worker)
        return worker

    def _results(self) -> Iterator[SeedResult]:
        """Waits for news; replaces workers that hang, died, or did enough."""
        busy = [worker for worker in self._workers if worker.seed is not None]
        left_s = max(0.0, min(worker.deadline for worker in busy) - time.monotonic())
        wait([worker.pipe for worker in busy], left_s)
        for worker in busy:
            result = worker.result()
            if result is not None:
                yield result
            if worker.is_broken or worker.seeds_done >= self._worker_seeds_max:
                worker.end()
                self._workers.remove(worker)


class _Worker:
    def __init__(self, job: Job, seed_s_max: float) -> None:
        # Forked from a process that has imported everything, and has neither threads nor a loop.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([_module_of(job)])
        self.pipe, theirs = context.Pipe()
        self._process: ForkServerProcess = context.Process(
            target=_serve, args=(theirs, job), daemon=True
        )
        self._process.start()
        theirs.close()
        # Only then does it hear a signal, and is not in the midst of its imports.
        with contextlib.suppress(EOFError):
            self.pipe.recv()
        self._seed_s_max = seed_s_max
        self.seed: int | None = None
        self.deadline = 0.0
        self.seeds_done = 0
        self.is_broken = False

    def begin(self, seed: int) -> None:
        """Gives it a seed."""
        self.seed = seed
        self.deadline = time.monotonic() + self._seed_s_max
        # A worker that has just died says so when its answer is waited for.
        with contextlib.suppress(OSError):
            self.pipe.send(seed)

    def result(self) -> SeedResult | None:
        """Returns what came of its seed, if that is known by now."""
        assert self.seed is not None
        seed = self.seed
        if self.pipe.poll():
            found = self._received()
        elif time.monotonic() >= self.deadline:
            self.is_broken = True
            where = self._where_it_is()
            found = SeedResult(seed, f"Hangs: no end after {self._seed_s_max:.0f} s\n{where}")
        else:
            return None
        self.seed = None
        self.seeds_done += 1
        return found

    def _received(self) -> SeedResult:
        assert self.seed is not None
        try:
            answer = self.pipe.recv()
        except EOFError:
            self.is_broken = True
            self._process.join()
            return SeedResult(self.seed, f"Died: exit code {self._process.exitcode}")
        assert isinstance(answer, SeedResult)
        return answer

    def _where_it_is(self) -> str:
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGUSR1)
        with contextlib.suppress(EOFError):
            if self.pipe.poll(LAST_WORDS_S):
                return str(self.pipe.recv())
        return "it does not tell where it is"

    def end(self) -> None:
        """Ends the process."""
        if self.seed is not None or self.is_broken:
            self._process.kill()
        self.pipe.close()
        self._process.join()


def _module_of(job: Job) -> str:
    """Returns the module in which a job is defined."""
    return str(getattr(job, "func", job).__module__)


def _serve(pipe: Connection, job: Job) -> None:
    """Works in the worker's process until the pipe is closed."""

    def tell(_: int, frame: FrameType | None) -> None:
        pipe.send("".join(traceback.format_stack(frame)[-12:]))

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, tell)
    with contextlib.suppress(EOFError, OSError):
        pipe.send("ready")
        while True:
            pipe.send(job(pipe.recv()))
