"""RepTree against the specification, over thousands of random histories."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from sila_daemon.core import hierarchy
from sila_daemon.core.changes import Change, PropertyChanged, VertexCreated, VertexMoved
from sila_daemon.core.link_cut import LinkCutForest
from sila_daemon.core.ops import MoveOp, Op
from sila_daemon.core.rep_tree import RepTree
from tests.core.histories import TREE_ID, batches, causal_history, feed_rows, hostile_history
from tests.core.move_specification import parents_by_undo_do_redo
from tests.core.tree_specification import Picture, expected_picture, picture_of

SEEDS_PER_TEST = 100
SLICES = range(12)


class Tracker:
    """Follows a tree by its changes alone; it looks at the tree only for values."""

    def __init__(self, tree: RepTree) -> None:
        self._tree = tree
        self.parents: dict[str, str | None] = {}
        self.properties: dict[str, dict[str, object]] = {}
        tree.observe(self._take)

    def _take(self, changes: list[Change]) -> None:
        assert changes
        assert len(set(changes)) == len(changes), "a change was told twice"
        moved = [change.vertex for change in changes if not isinstance(change, PropertyChanged)]
        assert len(set(moved)) == len(moved), "changes of one vertex were not coalesced"
        for change in changes:
            vertex = self._tree.vertex(change.vertex)
            assert vertex is not None
            match change:
                case VertexCreated():
                    assert change.vertex not in self.parents
                    self.parents[change.vertex] = change.parent
                    self.properties[change.vertex] = vertex.properties
                case VertexMoved():
                    assert self.parents[change.vertex] == change.old_parent != change.parent
                    self.parents[change.vertex] = change.parent
                case PropertyChanged():
                    known = self.properties[change.vertex]
                    known.pop(change.key, None)
                    if vertex.get(change.key, self) is not self:
                        known[change.key] = vertex.get(change.key)

    def check(self, picture: Picture) -> None:
        """Compares what was told with what is there."""
        assert self.parents == picture.parents
        assert self.properties == picture.properties


def check_history(seed: str, ops: list[Op], *, observed: bool) -> None:
    """Merges a history in random batches and compares the tree at every step."""
    rng = random.Random(seed)
    tree = RepTree(TREE_ID)
    tracker = Tracker(tree) if observed else None
    so_far: dict[tuple[int, str], Op] = {}
    for batch in batches(rng, ops):
        new = [op for op in batch if op.id not in so_far]
        if rng.random() < 0.5:
            result = tree.merge(batch)
            assert result.added == len(new), seed
            assert result.conflicts == [], seed
            repeated = result.duplicates + len(result.unverified)
            assert repeated == len(batch) - len(new), seed
        else:
            feed_rows(rng, tree, batch)
        so_far |= {op.id: op for op in new}
        picture = picture_of(tree)
        assert picture == expected_picture(TREE_ID, so_far.values()), seed
        if tracker:
            tracker.check(picture)
    expected = expected_picture(TREE_ID, so_far.values(), parents_by_undo_do_redo)
    assert picture_of(tree) == expected, seed
    assert tree.vertex_count == len(expected.parents)
    assert tree.op_count == len(so_far)
    assert tree.highest_counter == max(op.counter for op in ops)


@pytest.mark.slow
@pytest.mark.parametrize("part", SLICES)
def test_hostile_histories_equal_the_specification(part: int) -> None:
    op_count = 0
    for number in range(SEEDS_PER_TEST * 2):
        seed = f"hostile {part} {number}"
        ops = hostile_history(random.Random(seed))
        check_history(seed, ops, observed=number % 2 == 0)
        op_count += len(ops)
    assert op_count > 20 * SEEDS_PER_TEST, "histories are long enough to be hostile"


@pytest.mark.slow
@pytest.mark.parametrize("part", SLICES)
def test_causal_histories_equal_the_specification(part: int) -> None:
    for number in range(SEEDS_PER_TEST // 2):
        seed = f"causal {part} {number}"
        rng = random.Random(seed)
        replicas = causal_history(rng)
        everything = {op.id: op for replica in replicas for op in replica.known}
        check_history(seed, list(everything.values()), observed=number % 2 == 0)
        for replica in replicas:
            replica.learn(list(everything.values()))
            assert picture_of(replica.tree) == picture_of(replicas[0].tree), seed


@pytest.mark.slow
def test_the_link_cut_forest_gives_the_same_in_small_trees(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built = _count_forests(monkeypatch)
    monkeypatch.setattr(hierarchy, "_WALK_STEPS_PER_CHECK", 0)
    for number in range(SEEDS_PER_TEST * 2):
        seed = f"forest {number}"
        rng = random.Random(seed)
        monkeypatch.setattr(hierarchy, "_WALK_STEPS_FREE", rng.choice((-1, 5, 20)))
        monkeypatch.setattr(hierarchy, "_LOOK_BELOW_MAX", rng.choice((0, 0, 2)))
        check_history(seed, hostile_history(rng, size=60), observed=False)
    assert built() > SEEDS_PER_TEST


def _count_forests(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    count = 0

    class Counted(LinkCutForest):
        def __init__(self, parents: Sequence[int]) -> None:
            nonlocal count
            count += 1
            super().__init__(parents)

    monkeypatch.setattr(hierarchy, "LinkCutForest", Counted)
    return lambda: count


def chain_and_moves(rng: random.Random, length: int) -> list[MoveOp]:
    """A chain of vertices, then moves of inner ones, most of which would make cycles."""
    ops = [MoveOp(1, "p", "v0", None)]
    ops += [MoveOp(i + 1, "p", f"v{i}", f"v{i - 1}") for i in range(1, length)]
    for counter in range(length + 1, length + 121):
        target, parent = rng.randrange(1, length), rng.randrange(length)
        ops.append(MoveOp(counter, "q", f"v{target}", f"v{parent}"))
    return ops


# Walking alone is quadratic in a chain, so it is shown on a shorter one.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("length", "walk_steps_free", "forests"),
    [(4_000, 10**12, 0), (20_000, 100_000, 2), (20_000, -1, 2)],
    ids=["walks", "walks, then the forest", "the forest"],
)
def test_moves_of_inner_vertices_of_a_long_chain(
    length: int, walk_steps_free: int, forests: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = _count_forests(monkeypatch)
    monkeypatch.setattr(hierarchy, "_WALK_STEPS_FREE", walk_steps_free)
    ops = chain_and_moves(random.Random("chain"), length)
    tree = RepTree(TREE_ID)
    tree.merge(ops)
    assert {id_: parent_id(tree, id_) for id_ in tree.vertex_ids()} == replayed(ops)
    # Late moves that stand before half of the chain, so that all of that is replayed.
    half = length // 2
    late = [MoveOp(half, "late", "v5", "v3"), MoveOp(half + 1, "late", "v9", "v2")]
    tree.merge(late)
    assert {id_: parent_id(tree, id_) for id_ in tree.vertex_ids()} == replayed(ops + late)
    assert built() == forests


def replayed(ops: list[MoveOp]) -> dict[str, str | None]:
    """Applies moves, all of which count, in op order by walking up each time."""
    parents: dict[str, str | None] = {}
    above_others: set[str | None] = set()
    for op in sorted(ops, key=lambda op: (op.counter, op.peer)):
        above = op.parent if op.target in above_others else None
        above_others.add(op.parent)
        while above is not None and above != op.target:
            above = parents[above]
        if above is None:
            parents[op.target] = op.parent
    return parents


def parent_id(tree: RepTree, vertex_id: str) -> str | None:
    """Returns the id of a vertex's parent."""
    vertex = tree.vertex(vertex_id)
    assert vertex is not None
    return vertex.parent.id if vertex.parent else None
