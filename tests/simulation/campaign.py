"""A long run of seeds: how far it is, what failed, and which faults there were."""

from __future__ import annotations

import itertools
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from tests.simulation.runner import Job, SeedPool, SeedResult

FAILURES = Path(".cache/simulation/failing-seeds.txt")
PROGRESS_S = 10.0


def kind_of(violation: str) -> str:
    """Returns what violations of one kind have in common: the first line, without its details."""
    first = violation.split("\n", 1)[0]
    return re.sub(r"\b(?:[0-9a-f]{8,}|[\d.]+)\b|'[^']*'|\(.*|\[.*|/\S+", "…", first)[:100]


class Campaign:
    """Runs seeds until enough were run, or time is up."""

    def __init__(
        self,
        job: Job,
        first: int,
        count: int | None,
        *,
        minutes: float | None = None,
        workers: int | None = None,
        failures: Path = FAILURES,
        told: TextIO = sys.stderr,
    ) -> None:
        self._first = first
        self._count = count
        self._minutes = minutes
        self._pool = SeedPool(job, workers)
        self._failures = failures
        self._told = told
        self._began = self._told_at = time.monotonic()
        self._done = self._failed = 0
        self._virtual_s = self._cpu_s = self._memory_mb = 0.0
        self._faults: Counter[str] = Counter()
        self._seeds_with: Counter[str] = Counter()
        self._kinds: dict[str, list[int]] = {}

    def run(self) -> int:
        """Runs everything; returns how many seeds failed. The list of them is written anew."""
        self._failures.parent.mkdir(parents=True, exist_ok=True)
        with self._failures.open("w") as list_file:
            for result in self._pool.run(self._seeds()):
                self._take(result)
                if result.violation:
                    line = result.violation.split("\n", 1)[0]
                    print(result.seed, line, file=list_file, flush=True)
                    print(f"seed {result.seed}: {result.violation[:400]}", flush=True)
                self._tell_progress()
        self._summarise()
        return self._failed

    def _seeds(self) -> Iterator[int]:
        for seed in itertools.count(self._first):
            if self._count is not None and seed >= self._first + self._count:
                return
            if self._minutes is not None and self._took_s() > self._minutes * 60:
                return
            yield seed

    def _took_s(self) -> float:
        return time.monotonic() - self._began

    def _take(self, result: SeedResult) -> None:
        self._done += 1
        self._virtual_s += result.virtual_s
        self._cpu_s += result.cpu_s
        self._memory_mb = max(self._memory_mb, result.memory_mb)
        self._faults.update(result.faults)
        self._seeds_with.update(result.faults.keys())
        if result.violation:
            self._failed += 1
            self._kinds.setdefault(kind_of(result.violation), []).append(result.seed)

    def _tell_progress(self) -> None:
        now = time.monotonic()
        if now - self._told_at < PROGRESS_S:
            return
        self._told_at = now
        rate = self._done / self._took_s()
        parts = [f"{self._done} seeds", f"{rate:.1f} a second", f"{self._failed} failed"]
        left_s = [] if self._minutes is None else [self._minutes * 60 - self._took_s()]
        if self._count is not None:
            parts[0] = f"{self._done} of {self._count} seeds"
            left_s.append((self._count - self._done) / rate)
        if left_s:
            parts.append(f"{max(0.0, min(left_s)) / 60:.1f} minutes left")
        print(", ".join(parts), file=self._told, flush=True)

    def _summarise(self) -> None:
        took_s, done = self._took_s(), max(1, self._done)
        print(f"{self._done} seeds from {self._first} on in {took_s:.0f} s, {self._failed} failed")
        print(
            f"{done / took_s:.1f} seeds a second, {self._cpu_s / done * 1000:.0f} ms of CPU each; "
            f"{self._virtual_s / 3600:.1f} virtual hours; "
            f"at most {self._memory_mb:.0f} MB in a worker"
        )
        print(f"{'times':>8} {'seeds':>7}  fault")
        for kind, count in sorted(self._faults.items()):
            print(f"{count:8} {self._seeds_with[kind]:7}  {kind}")
        for kind, seeds in sorted(self._kinds.items(), key=lambda item: -len(item[1])):
            told = " ".join(map(str, sorted(seeds)[:12]))
            print(f"{len(seeds):8} seeds failed: {kind}: {told}{' …' if len(seeds) > 12 else ''}")
        if self._failed:
            print(f"the failing seeds stand in {self._failures}")
