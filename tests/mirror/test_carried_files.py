"""Mutable files that go from server to server: at once, and with a wait where they come back."""

from __future__ import annotations

from sila_daemon.mirror.carried_files import CALM_S, WAIT_S_MAX, CarriedFiles
from sila_daemon.ports.randomness import SystemRandomness
from sila_daemon.store.blobs import VAR, BlobName, LocalBlob
from tests.clocks import HandClock

BLOB = BlobName(VAR, "0" * 32)
ONE, OTHER = LocalBlob(BLOB, 1, "1" * 64), LocalBlob(BLOB, 2, "2" * 64)


class Half(SystemRandomness):
    """Draws the middle of every span."""

    def uniform(self) -> float:
        return 0.5


def test_what_comes_once_goes_on_at_once() -> None:
    carried = CarriedFiles(HandClock(), Half())

    carried.came(ONE)

    assert carried.wait_s(ONE) == 0


def test_contents_that_change_places_wait_longer_each_time() -> None:
    carried = CarriedFiles(HandClock(), Half())
    waits = []

    for local in (ONE, OTHER) * 4:
        carried.came(local)
        waits.append(carried.wait_s(local))

    assert waits == [0, 0.25, 0.5, 1, 2, 4, WAIT_S_MAX / 2, WAIT_S_MAX / 2]


def test_a_wait_ends() -> None:
    clock = HandClock()
    carried = CarriedFiles(clock, Half())
    carried.came(ONE)
    carried.came(OTHER)

    clock.now += 0.25

    assert carried.wait_s(OTHER) == 0


def test_what_is_changed_here_does_not_wait() -> None:
    carried = CarriedFiles(HandClock(), Half())
    carried.came(ONE)
    carried.came(ONE)

    assert carried.wait_s(ONE) > 0
    assert carried.wait_s(OTHER) == 0


def test_after_a_calm_while_nothing_waits() -> None:
    clock = HandClock()
    carried = CarriedFiles(clock, Half())
    carried.came(ONE)
    carried.came(OTHER)

    clock.now += CALM_S
    carried.came(ONE)

    assert carried.wait_s(ONE) == 0
