"""Keeps a service running: again after a passing error, never after a lasting one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from sila_daemon.core.errors import SilaError

if TYPE_CHECKING:
    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.randomness import Randomness

RESTART_DELAY_S_MIN = 0.5
RESTART_DELAY_S_MAX = 60.0
HEALTHY_AFTER_S = 60.0
"""A service that worked this long starts again with the shortest delay."""


class Service(Protocol):
    """Something that works until it is cancelled."""

    async def run(self) -> None:
        """Works; returns only when there is nothing left to do."""
        ...


class Supervisor:
    """Runs services one by one or side by side, each with its own back-off."""

    def __init__(
        self,
        clock: Clock,
        randomness: Randomness,
        report: Callable[[str, SilaError, float | None], None],
    ) -> None:
        """`report` hears of each failure: the service's name, the error, seconds to the restart."""
        self._clock = clock
        self._randomness = randomness
        self._report = report

    async def keep(self, name: str, service: Service, *, whatever: bool = False) -> None:
        """Returns when `service` ends by itself; runs it again after an error worth a retry.

        With `whatever` every SilaError is worth one: a person may mend what no retry can. Else
        raises the SilaError that no retry can help. Anything that is not a SilaError is a bug and
        ends the caller: whoever started the process restarts it from a known state.
        """
        delay = RESTART_DELAY_S_MIN
        while True:
            started = self._clock.monotonic()
            try:
                await run_unwrapped(service)
            except SilaError as error:
                if not error.retry and not whatever:
                    self._report(name, error, None)
                    raise
                if self._clock.monotonic() - started >= HEALTHY_AFTER_S:
                    delay = RESTART_DELAY_S_MIN
                pause = delay * (0.5 + self._randomness.uniform() / 2)
                self._report(name, error, pause)
            else:
                return
            await self._clock.sleep(pause)
            delay = min(delay * 2, RESTART_DELAY_S_MAX)


async def run_unwrapped(service: Service) -> None:
    """Runs a service; a group of nothing but SilaErrors is raised as the first of them."""
    try:
        await service.run()
    except BaseExceptionGroup as group:
        expected, rest = group.split(SilaError)
        if expected is None or rest is not None:
            raise
        first: BaseException = expected
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from group
