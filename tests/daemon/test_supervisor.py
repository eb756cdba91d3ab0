"""What is run again, and what is not."""

from __future__ import annotations

import pytest

from sila_daemon.core.errors import RemoteRefusedError, RemoteUnavailableError, SilaError
from sila_daemon.ports.randomness import SystemRandomness
from sila_daemon.supervisor import RESTART_DELAY_S_MAX, Supervisor
from tests.clocks import HandClock


class Failing:
    """Raises what it is given, one error a run, then works."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.runs = 0

    async def run(self) -> None:
        self.runs += 1
        if self.errors:
            raise self.errors.pop(0)


def supervisor(clock: HandClock, reports: list[tuple[str, SilaError, float | None]]) -> Supervisor:
    """One that keeps what it reports."""
    return Supervisor(clock, SystemRandomness(), lambda *report: reports.append(report))


async def test_a_passing_error_is_tried_again_ever_more_slowly() -> None:
    clock, reports = HandClock(), list[tuple[str, SilaError, float | None]]()
    service = Failing(*(RemoteUnavailableError("away") for _ in range(12)))
    await supervisor(clock, reports).keep("mirror", service)
    assert service.runs == 13
    assert [pause for _, _, pause in reports] == clock.pauses
    assert clock.pauses[0] <= 0.5 and clock.pauses[-1] >= RESTART_DELAY_S_MAX / 2
    assert max(clock.pauses) <= RESTART_DELAY_S_MAX


async def test_a_lasting_error_ends_it() -> None:
    reports: list[tuple[str, SilaError, float | None]] = []
    service = Failing(RemoteRefusedError("no"))
    with pytest.raises(RemoteRefusedError):
        await supervisor(HandClock(), reports).keep("mirror", service)
    assert [(name, pause) for name, _, pause in reports] == [("mirror", None)]


async def test_a_bug_is_not_tried_again() -> None:
    service = Failing(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await supervisor(HandClock(), []).keep("mirror", service)
    assert service.runs == 1


async def test_a_group_of_expected_errors_is_one_of_them() -> None:
    clock, reports = HandClock(), list[tuple[str, SilaError, float | None]]()
    group = ExceptionGroup("g", [ExceptionGroup("h", [RemoteUnavailableError("away")])])
    await supervisor(clock, reports).keep("mirror", Failing(group))
    assert [error.message for _, error, _ in reports] == ["away"]
    mixed = ExceptionGroup("g", [RemoteUnavailableError("away"), ZeroDivisionError()])
    with pytest.raises(ExceptionGroup):
        await supervisor(clock, reports).keep("mirror", Failing(mixed))


async def test_where_a_person_may_help_every_expected_error_is_tried_again() -> None:
    clock, reports = HandClock(), list[tuple[str, SilaError, float | None]]()
    service = Failing(RemoteRefusedError("no"))
    await supervisor(clock, reports).keep("space", service, whatever=True)
    assert service.runs == 2 and len(clock.pauses) == 1
