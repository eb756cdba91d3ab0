"""Long runs: seeds that hang or kill their worker are told as failures, and the rest goes on."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import pytest

from tests.simulation.campaign import Campaign, kind_of
from tests.simulation.runner import SeedPool, SeedResult

HANGING, DEADLY, WRONG = 3, 5, 7


def _job(seed: int) -> SeedResult:
    if seed == DEADLY:
        os._exit(9)
    if seed == WRONG:
        return SeedResult(seed, f"ViolationError: op {seed} is lost\nmore")
    return SeedResult(seed, faults={"kill": 2}, virtual_s=float(os.getpid()))


def _hang(seed: int) -> SeedResult:
    threading.Event().wait()
    raise AssertionError


@pytest.mark.slow
def test_every_seed_has_one_result_whoever_dies() -> None:
    results = list(SeedPool(_job, workers=2).run(iter(range(10))))

    assert sorted(result.seed for result in results) == list(range(10))
    told = {result.seed: result.violation for result in results if result.violation}
    assert told == {DEADLY: "Died: exit code 9", WRONG: "ViolationError: op 7 is lost\nmore"}


@pytest.mark.slow
def test_a_seed_that_hangs_is_ended_and_tells_where() -> None:
    (result,) = SeedPool(_hang, workers=1, seed_s_max=4.0).run(iter([HANGING]))

    assert result.violation.startswith("Hangs: no end after 4 s")
    assert "threading.Event().wait()" in result.violation


@pytest.mark.slow
def test_workers_are_replaced() -> None:
    results = list(SeedPool(_job, workers=1, worker_seeds_max=1).run(iter([1, 2])))

    assert len({result.virtual_s for result in results}) == 2


@pytest.mark.slow
def test_a_campaign_lists_what_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failures = tmp_path / "list" / "failing.txt"
    campaign = Campaign(_job, 4, 4, workers=2, failures=failures, told=io.StringIO())

    assert campaign.run() == 2
    listed = sorted(failures.read_text().splitlines())
    assert listed == ["5 Died: exit code 9", "7 ViolationError: op 7 is lost"]
    told = capsys.readouterr().out
    assert "4 seeds from 4 on" in told
    assert "4       2  kill" in told


def test_violations_of_one_kind_are_told_apart_from_others() -> None:
    first = "ViolationError: device1 says current, and its folder lacks 2 changes, such as ('a', 1)"
    second = first.replace("lacks 2", "lacks 17").replace("('a', 1)", "('b', 2)")

    assert kind_of(first) == kind_of(second)
    assert kind_of(first) != kind_of("ViolationError: device1 lacks the secret key-device0: x")
