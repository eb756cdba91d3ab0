"""The link-cut forest against a forest that is walked."""

from __future__ import annotations

import random

import pytest

from sila_daemon.core.link_cut import LinkCutForest


def is_ancestor(parents: list[int], above: int, vertex: int) -> bool:
    """Walks up."""
    while vertex >= 0:
        if vertex == above:
            return True
        vertex = parents[vertex]
    return False


def random_forest(rng: random.Random, size: int) -> list[int]:
    """Returns parents; a bias decides between flat forests and chains."""
    reach = rng.choice((1, 2, 5, size))
    parents = [-1]
    for vertex in range(1, size):
        lowest = -2 if rng.random() < 0.1 else max(0, vertex - reach)
        parents.append(rng.randrange(lowest, vertex))
    order = sorted(range(size), key=lambda _: rng.random())
    shuffled = [-1] * size
    for vertex, parent in enumerate(parents):
        shuffled[order[vertex]] = order[parent] if parent >= 0 else parent
    return shuffled


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(200))
def test_a_forest_that_changes_answers_as_a_walk_does(seed: int) -> None:
    rng = random.Random(seed)
    size = rng.randint(1, 60)
    parents = random_forest(rng, size)
    forest = LinkCutForest(parents)
    for _ in range(150):
        above, vertex = rng.randrange(size), rng.randrange(size)
        assert forest.is_ancestor(above, vertex) == is_ancestor(parents, above, vertex)
        parent = rng.randrange(-2, size)
        if not is_ancestor(parents, vertex, parent):
            parents[vertex] = parent
            forest.move(vertex, parent)


def test_a_vertex_is_its_own_ancestor() -> None:
    forest = LinkCutForest([-1, 0])
    assert forest.is_ancestor(1, 1)
    assert forest.is_ancestor(0, 1)
    assert not forest.is_ancestor(1, 0)


def test_trees_that_are_apart_are_not_above_each_other() -> None:
    forest = LinkCutForest([-1, -1, 0, 1])
    assert not forest.is_ancestor(1, 2)
    assert not forest.is_ancestor(0, 3)
    forest.move(0, 3)
    assert forest.is_ancestor(1, 2)


def test_what_stands_in_another_tree_below_the_splayed_vertex_is_not_above() -> None:
    # Two paths that were exposed one after the other: their splay trees hang in each other.
    forest = LinkCutForest([-1, 0, 1, 1, 3])
    assert forest.is_ancestor(1, 2)
    assert forest.is_ancestor(3, 4)
    assert not forest.is_ancestor(2, 4)
    assert not forest.is_ancestor(4, 2)
