"""The moves of a tree in op order, and the state they lead to.

Source: Kleppmann, Mulligan, Gomes, Beresford: "A highly-available move operation for replicated
trees" (IEEE TPDS 2021), and the section "Moves" of the space format. The state is what one gets
by applying all moves in op order, where a move is skipped if its target is its parent or stands
above it. Late moves are merged by the batch: undo back to the earliest one, then replay once.

A move whose parent no other move ever created waits. Which moves wait depends only on the set of
moves known, never on the order in which they came.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable

from sila_daemon.core.hierarchy import ROOT, UNPLACED, Hierarchy
from sila_daemon.core.peer_order import translated

Move = tuple[int, int, int]
"""Stamp, target, parent: a stamp orders as its op id, vertices are indices of the hierarchy."""

_SKIPPED = -3
"""Stands where the parent before a move would, for a move that changed nothing."""


class MoveLog:
    """All moves of one tree: those that count, sorted, and those that wait."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self._hierarchy = hierarchy
        self._stamps: list[int] = []
        self._targets = array("i")
        self._parents = array("i")
        self._parents_before = array("i")
        self._waiting: dict[int, dict[int, Move]] = {}
        """By the parent that is missing, then by stamp."""
        self.waiting_count = 0
        self.newly_created: list[int] = []
        """The vertices that the last merge was the first to create."""

    def merge(self, moves: list[Move]) -> dict[int, int]:
        """Adds moves that are not here yet, in any order.

        Returns the earlier parent of every vertex that was touched. Costs O((k + m) log n) for k
        moves of which the earliest stands before m others.
        """
        self.newly_created = []
        accepted = self._accept(sorted(moves))
        if not accepted:
            return {}
        old_parents: dict[int, int] = {}
        self._hierarchy.begin_moves()
        start = bisect_left(self._stamps, accepted[0][0])
        if start < len(self._stamps):
            later = self._undo_from(start, old_parents)
            accepted = sorted(later + accepted)
        self._replay(accepted, old_parents)
        self._hierarchy.end_moves()
        return old_parents

    def count_from(self, stamp: int) -> int:
        """Returns how many moves a late move with that stamp would have replayed. O(log n)."""
        return len(self._stamps) - bisect_left(self._stamps, stamp)

    def moved_since(self, stamp: int) -> set[int]:
        """Returns what moves with that stamp or later found in a place already: whether they
        count may change with a move before them, as it cannot for those that create."""
        return {
            self._targets[index]
            for index in range(bisect_left(self._stamps, stamp), len(self._stamps))
            if self._parents_before[index] != UNPLACED
        }

    def find(self, stamp: int, parent: int) -> Move | None:
        """Returns the move with that op id if it counts, or if it waits for `parent`. O(log n)."""
        index = bisect_left(self._stamps, stamp)
        if index < len(self._stamps) and self._stamps[index] == stamp:
            return stamp, self._targets[index], self._parents[index]
        return self._waiting.get(parent, {}).get(stamp)

    def first_root(self, excluded: int) -> int:
        """Returns the vertex that the earliest move put under null and that is there still.

        Returns ROOT (-1) when there is none.
        """
        parents = self._hierarchy.parents
        for target, parent in zip(self._targets, self._parents, strict=True):
            if parent == ROOT and target != excluded and parents[target] < 0:
                return target
        return ROOT

    def last_of(self, target: int) -> tuple[int, bool] | None:
        """Returns the stamp of the last move of a vertex that was not skipped, and whether it is
        the one that made the vertex. O(n), done on the bytes: some ns for each move."""
        size = self._targets.itemsize
        wanted, all_targets = array("i", [target]).tobytes(), self._targets.tobytes()
        at = all_targets.rfind(wanted)
        while at >= 0:
            index, rest = divmod(at, size)
            # Bytes may look alike across the border of two numbers.
            if not rest and self._parents_before[index] != _SKIPPED:
                return self._stamps[index], self._parents_before[index] == UNPLACED
            at = all_targets.rfind(wanted, 0, at + size - 1)
        return None

    def last_places(self, targets: Iterable[int], away: int) -> dict[int, int]:
        """Returns where vertices stood before they came under `away`, for those that stood
        anywhere. O(n)."""
        wanted = set(targets)
        found: dict[int, int] = {}
        for index in range(len(self._targets) - 1, -1, -1):
            if not wanted:
                break
            target, before = self._targets[index], self._parents_before[index]
            if target in wanted and before not in (_SKIPPED, away):
                wanted.remove(target)
                if before >= 0:
                    found[target] = before
        return found

    def restamp(self, renamed: dict[int, int]) -> None:
        """Translates every stamp after peers were given new labels."""
        self._stamps = [translated(stamp, renamed) for stamp in self._stamps]
        self._waiting = {
            parent: {
                (fresh := translated(stamp, renamed)): (fresh, target, parent)
                for stamp, target, _ in moves.values()
            }
            for parent, moves in self._waiting.items()
        }

    def _accept(self, moves: list[Move]) -> list[Move]:
        """Sorts out the moves that must wait, and takes back those that need not any more."""
        is_created, note = self._hierarchy.is_created, self.newly_created.append
        waiting = self._waiting
        accepted: list[Move] = []
        released: list[Move] = []
        for move in moves:
            _, target, parent = move
            if parent >= 0 and not is_created[parent]:
                waiting.setdefault(parent, {})[move[0]] = move
                self.waiting_count += 1
                continue
            accepted.append(move)
            if not is_created[target]:
                is_created[target] = 1
                note(target)
                if target in waiting:
                    self._release(target, released)
        if released:
            accepted += released
            accepted.sort()
        return accepted

    def _release(self, created: int, released: list[Move]) -> None:
        is_created = self._hierarchy.is_created
        stack = [created]
        while stack:
            moves = self._waiting.pop(stack.pop(), {})
            self.waiting_count -= len(moves)
            for move in moves.values():
                released.append(move)
                if not is_created[move[1]]:
                    is_created[move[1]] = 1
                    self.newly_created.append(move[1])
                    stack.append(move[1])

    def _undo_from(self, start: int, old_parents: dict[int, int]) -> list[Move]:
        """Undoes the moves from index `start` on, removes them and returns them in order."""
        parents, place = self._hierarchy.parents, self._hierarchy.place
        targets, parents_before = self._targets, self._parents_before
        for index in range(len(targets) - 1, start - 1, -1):
            before = parents_before[index]
            if before != _SKIPPED:
                target = targets[index]
                if target not in old_parents:
                    old_parents[target] = parents[target]
                place(target, before)
        tail = list(zip(self._stamps[start:], targets[start:], self._parents[start:], strict=True))
        del self._stamps[start:], targets[start:], self._parents[start:], parents_before[start:]
        return tail

    def _replay(self, moves: list[Move], old_parents: dict[int, int]) -> None:
        """Applies moves in op order behind those that the log holds already."""
        hierarchy = self._hierarchy
        parents, may_have_children = hierarchy.parents, hierarchy.may_have_children
        is_ancestor, place = hierarchy.is_ancestor, hierarchy.place
        add_stamp, add_target = self._stamps.append, self._targets.append
        add_parent, add_before = self._parents.append, self._parents_before.append
        for stamp, target, parent in moves:
            add_stamp(stamp)
            add_target(target)
            add_parent(parent)
            before = parents[target]
            if target == parent or (
                # A vertex that never was a parent is above nobody: creations need no check.
                may_have_children[target] and parent >= 0 and is_ancestor(target, parent)
            ):
                add_before(_SKIPPED)
                continue
            add_before(before)
            if target not in old_parents:
                old_parents[target] = before
            place(target, parent)
            if parent >= 0:
                may_have_children[parent] = 1
