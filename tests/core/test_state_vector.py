"""State vectors by example; `tests.properties.test_state_vector` has their laws."""

from __future__ import annotations

from typing import Any

import pytest

from sila_daemon.core.errors import FormatError, SilaError
from sila_daemon.core.state_vector import StateVector


def test_counters_join_into_ranges() -> None:
    vector = StateVector()
    for counter in (5, 1, 3, 2, 9, 4, 8):
        assert vector.add("p", counter)
    assert not vector.add("p", 3)
    assert vector.ranges("p") == [(1, 5), (8, 9)]
    assert len(vector) == 7
    assert (4, "p") in vector
    assert (6, "p") not in vector
    assert (10, "p") not in vector
    assert (1, "q") not in vector


def test_peers_and_their_highest_counters() -> None:
    vector = StateVector({"b": [(3, 4)], "a": [(7, 7), (1, 2)], "empty": []})
    assert vector.peers == ["a", "b"]
    assert [vector.highest(peer) for peer in ("a", "b", "empty", "unknown")] == [7, 4, 0, 0]
    assert vector.ranges("unknown") == []
    assert list(vector.to_json()) == ["a", "b"]


def test_counters_that_were_there_are_told() -> None:
    vector = StateVector()
    assert vector.add_sorted("p", [2, 3, 10]) == []
    assert vector.add_sorted("p", [1, 2, 4, 10, 11]) == [2, 10]
    assert vector.add_sorted("p", [20, 21]) == []
    assert vector.add_sorted("p", []) == []
    many = list(range(1, 40, 2))
    assert vector.add_sorted("p", many) == [1, 3, 11, 21]
    assert vector.ranges("p")[:3] == [(1, 5), (7, 7), (9, 11)]
    assert vector.add_sorted("empty", []) == []
    assert "empty" not in vector.peers


def test_a_copy_is_independent() -> None:
    vector = StateVector({"p": [(1, 2)]})
    copy = vector.copy()
    copy.add("p", 3)
    assert vector.to_json() == {"p": [[1, 2]]}
    assert copy != vector
    assert vector != {"p": [[1, 2]]}
    assert repr(vector) == "StateVector({'p': [[1, 2]]})"


def test_difference_cuts_ranges() -> None:
    ours = StateVector({"p": [(1, 10), (20, 30)], "q": [(1, 1)], "r": [(5, 6)]})
    theirs = StateVector({"p": [(3, 4), (9, 22), (30, 40)], "q": [(1, 5)]})
    assert ours.minus(theirs).to_json() == {"p": [[1, 2], [5, 8], [23, 29]], "r": [[5, 6]]}


def test_ranges_from_the_wire_may_overlap_and_be_unsorted() -> None:
    vector = StateVector.from_json({"p": [[5, 9], [1, 2], [3, 6]], "q": []})
    assert vector.to_json() == {"p": [[1, 9]]}


@pytest.mark.parametrize(
    "data",
    [
        None, [], "x", 5, {"p": 5}, {"p": None}, {"p": {}}, {"p": [5]}, {"p": [[1]]},
        {"p": [[1, 2, 3]]}, {"p": [["1", 2]]}, {"p": [[1.0, 2]]}, {"p": [[True, 2]]},
        {"p": [[2, 1]]}, {"p": [[0, 1]]}, {"p": [[1, 2**53]]}, {"../p": [[1, 2]]}, {"": [[1, 2]]},
        {"p": [(1, 2)]}, {"p": [None]},
    ],
    ids=range(20),
)  # fmt: skip
def test_malformed_vectors_are_refused(data: Any) -> None:
    with pytest.raises(FormatError) as raised:
        StateVector.from_json(data)
    assert isinstance(raised.value, SilaError)
    assert raised.value.code in ("bad_vector", "bad_id")
