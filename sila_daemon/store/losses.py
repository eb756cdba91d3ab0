"""What the newest ops of one source take away: compares trees with and without them.

Runs on the database's thread, and reads only what it needs: the moves of the trees concerned,
and the properties of the vertices concerned.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sila_daemon.core import json_value
from sila_daemon.core.ids import NULL_VERTEX, is_tree_id
from sila_daemon.core.op_codec import MoveRow
from sila_daemon.core.peer_order import collation_key
from sila_daemon.core.rep_tree import RepTree
from sila_daemon.core.space import TREE_KEY
from sila_daemon.store import sql
from sila_daemon.store.op_table import restored, stored

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    import apsw

_TREE = "(SELECT id FROM tree WHERE name = ?)"

ANY_NUMBER = 1 << 60

_MoveRows = dict[str, list[MoveRow]]
"""By peer."""


@dataclass(slots=True)
class Losses:
    """What would be gone."""

    deleted: int = 0
    """Vertices, with everything below them and everything in the trees that they refer to."""
    overwritten: int = 0
    """Other vertices of which a property that was set has another value or none."""

    @property
    def vertices(self) -> int:
        """How many vertices are concerned."""
        return self.deleted + self.overwritten


@dataclass(slots=True)
class _Moves:
    """The moves of one tree, those of the source apart."""

    before: _MoveRows = field(default_factory=dict)
    after: _MoveRows = field(default_factory=dict)


class LossCount:
    """Counts for one space within one transaction.

    `is_recent` tells by its number whether an op is one of those that are looked at.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        space_id: str,
        is_recent: Callable[[int], bool],
        without: Collection[int] | None = None,
    ) -> None:
        """Held ops count if they are recent; with `without` no held op does, nor do those."""
        self._connection = connection
        self._space_id = space_id
        self._is_recent = is_recent
        held = (seq for (seq,) in sql.rows(connection, "SELECT seq FROM held"))
        self._unseen = {seq for seq in held if without is not None or not is_recent(seq)}
        self._unseen.update(without or ())
        self._living: dict[str, set[str]] = {}

    def losses(self, targets: Mapping[str, Collection[str]], moved: Iterable[str]) -> Losses:
        """Returns what is lost in trees.

        `targets` are the vertices by tree whose properties the ops set, `moved` the trees in
        which they move what was there before.
        """
        found = Losses()
        for tree_id in sorted({*targets, *moved}):
            moves = self._moves(tree_id)
            before = self._living_by(tree_id, moves.before)
            gone: set[str] = set()
            if moves.after:
                gone = before - _living(_moved_tree(tree_id, moves.before, moves.after))
                found.deleted += self._weight(tree_id, gone)
            changed = self._overwritten(tree_id, targets.get(tree_id, ()))
            found.overwritten += len((changed & before) - gone)
        return found

    def living_count(self) -> int:
        """Returns how many vertices the space has without the ops that are looked at."""
        names = sql.rows(self._connection, "SELECT name FROM tree")
        return sum(len(self._living_before(name)) for (name,) in names)

    def _living_before(self, tree_id: str) -> set[str]:
        known = self._living.get(tree_id)
        return known if known is not None else self._living_by(tree_id, self._moves(tree_id).before)

    def _living_by(self, tree_id: str, moves: _MoveRows) -> set[str]:
        living = self._living[tree_id] = _living(_moved_tree(tree_id, moves))
        return living

    def _moves(self, tree_id: str) -> _Moves:
        moves = _Moves()
        for seq, counter, peer, target, parent in sql.rows(
            self._connection,
            "SELECT seq, counter, peer.name, target, parent FROM op"
            f" JOIN peer ON peer.id = op.peer WHERE tree = {_TREE} AND key IS NULL",
            (tree_id,),
        ):
            if seq not in self._unseen:
                rows = moves.after if self._is_recent(seq) else moves.before
                row = MoveRow(counter, restored(target), restored(parent))
                rows.setdefault(peer, []).append(row)
        return moves

    def _weight(self, tree_id: str, gone: Collection[str]) -> int:
        """Returns how many vertices go with those: what a space refers to goes along."""
        if tree_id != self._space_id or not gone:
            return len(gone)
        weight = len(gone)
        for target, value in sql.rows(
            self._connection,
            f"SELECT target, value FROM op WHERE tree = {_TREE} AND key = ?",
            (tree_id, TREE_KEY),
        ):
            if restored(target) in gone and not json_value.is_deletion(value):
                referred = json_value.decode(value)
                if is_tree_id(referred) and referred != tree_id:
                    weight += len(self._living_before(referred))
        return weight

    def _overwritten(self, tree_id: str, targets: Collection[str]) -> set[str]:
        """Returns which of the vertices lose the value of a property."""
        if not targets:
            return set()
        before: dict[tuple[str, str], tuple[Any, bytes | None]] = {}
        after: dict[tuple[str, str], tuple[Any, bytes | None]] = {}
        for seq, counter, peer, target, key, value in self._property_rows(tree_id, targets):
            if seq in self._unseen:
                continue
            place = restored(target), restored(key)
            side = after if self._is_recent(seq) else before
            stamp = counter, collation_key(peer)
            if place not in side or stamp > side[place][0]:
                side[place] = stamp, value
        return {
            place[0]
            for place, (stamp, value) in after.items()
            if place in before
            and stamp > before[place][0]
            and not json_value.is_deletion(before[place][1])
            and value != before[place][1]
        }

    def _property_rows(self, tree_id: str, targets: Iterable[str]) -> list[Any]:
        """Returns them in one pass over the tree, as targets have no index of their own."""
        self._connection.execute("CREATE TEMP TABLE concerned (target ANY PRIMARY KEY)")
        try:
            self._connection.executemany(
                "INSERT INTO concerned VALUES (?)", [(stored(target),) for target in targets]
            )
            return sql.rows(
                self._connection,
                "SELECT seq, counter, peer.name, target, key, value FROM op"
                " JOIN peer ON peer.id = op.peer"
                f" WHERE tree = {_TREE} AND key IS NOT NULL"
                " AND target IN (SELECT target FROM concerned)",
                (tree_id,),
            )
        finally:
            self._connection.execute("DROP TABLE concerned")


def _moved_tree(tree_id: str, *groups: _MoveRows) -> RepTree:
    tree = RepTree(tree_id)
    with tree.batch() as batch:
        for moves in groups:
            for peer, rows in moves.items():
                batch.add_moves(peer, rows)
    return tree


def _living(tree: RepTree) -> set[str]:
    """Returns the ids of the vertices that are not deleted. O(n)."""
    null = tree.index_of(NULL_VERTEX)
    is_alive: dict[int, bool] = {} if null is None else {null: False}
    for start in tree.indices():
        path: list[int] = []
        node: int | None = start
        while node is not None and node not in is_alive:
            path.append(node)
            node = tree.parent_of(node)
        alive = True if node is None else is_alive[node]
        is_alive.update((index, alive) for index in path)
    return {tree.id_of(index) for index, alive in is_alive.items() if alive}


def count_below_at_most(connection: apsw.Connection, tree_id: str, vertex: str, limit: int) -> int:
    """Returns how many vertices ever stood below a vertex, itself included.

    ANY_NUMBER where they are `limit` or more.
    """
    tree = sql.first(connection, "SELECT id FROM tree WHERE name = ?", (tree_id,))
    query = "SELECT target FROM op INDEXED BY op_placed WHERE tree = ? AND parent = ?"
    seen = {stored(vertex)}
    stack = [stored(vertex)]
    while stack and len(seen) < limit:
        rows = sql.rows(connection, f"{query} AND key IS NULL", (tree, stack.pop()))
        for (target,) in rows:
            if target not in seen:
                seen.add(target)
                stack.append(target)
    return len(seen) if len(seen) < limit else ANY_NUMBER
