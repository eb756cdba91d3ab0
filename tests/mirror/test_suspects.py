"""Halving: whatever is poison is found, alone, and nothing beside it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sila_daemon.mirror.suspects import FAILURES_ALONE, SUSPECTS_MAX, Suspects


def groups(suspects: Suspects, seqs: list[int]) -> list[list[int]]:
    """What is sent together: those under no suspicion, then each suspicion for itself."""
    found: dict[tuple[int, ...], list[int]] = {}
    for seq in seqs:
        suspicion = suspects.of(seq)
        found.setdefault(suspicion.seqs if suspicion else (), []).append(seq)
    return [found[key] for key in sorted(found)]


@given(st.integers(1, 200).flatmap(lambda count: st.tuples(st.just(count), st.sets(
    st.integers(1, count), max_size=4))))  # fmt: skip
def test_every_poison_is_found_and_nothing_else(case: tuple[int, set[int]]) -> None:
    count, poison = case
    left = list(range(1, count + 1))
    suspects = Suspects()
    guilty: set[int] = set()
    ends = 0
    while left:
        batch = groups(suspects, left)[0]
        if not poison.intersection(batch):
            suspects.clear(batch)
            left = [seq for seq in left if seq not in batch]
            continue
        ends += 1
        if suspects.failed(batch):
            assert len(batch) == 1
            guilty.update(batch)
            suspects.clear(batch)
            left.remove(batch[0])
    assert guilty == poison
    assert ends <= len(poison) * (count.bit_length() + 2 + FAILURES_ALONE)
    assert not suspects


def test_a_few_failures_accuse_nobody() -> None:
    suspects = Suspects()
    for _ in range(FAILURES_ALONE):
        assert suspects.failed([7]) is False
    suspects.clear([7])
    assert suspects.failed([7]) is False


def test_what_was_paid_meanwhile_leaves_the_others_together() -> None:
    suspects = Suspects()
    for _ in range(2):
        suspects.failed([1, 2, 3, 4])
        assert groups(suspects, [1, 2, 3, 4]) == [[1, 2, 3, 4]]
    suspects.clear([1])
    assert suspects.failed([2, 3, 4]) is False
    assert groups(suspects, [2, 3, 4]) == [[2, 3], [4]]


def test_what_is_suspected_is_bounded() -> None:
    suspects = Suspects()
    for first in range(0, 2 * SUSPECTS_MAX, 10_000):
        for _ in range(2):
            suspects.failed(range(first, first + 10_000))
    assert len(suspects) == SUSPECTS_MAX
    assert suspects.of(SUSPECTS_MAX) is None
    for _ in range(FAILURES_ALONE + 2):
        assert suspects.failed([SUSPECTS_MAX]) is False
