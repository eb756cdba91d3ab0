"""Which live state is passed on from one server to the others: each piece of it once.

Two devices that share two servers would else hand the same ops round for ever: what one of them
takes from the first server to the second, the other one takes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sila_daemon.store.op_table import TreeOp

AUTHORS_MAX = 16_384
"""How many authors are remembered: more than there are ops on their way at once."""


class LiveState:
    """What was passed on already, by the authors' counters."""

    def __init__(self) -> None:
        self._passed: dict[tuple[str, str], int] = {}
        """The highest counter by tree and author; who was heard last stands last."""

    def fresh(self, ops: Iterable[TreeOp]) -> list[TreeOp]:
        """Returns those that are newer than what came of their author before, and notes them.

        Every way keeps the order in which an author made them, so what is not newer came before.
        """
        before: dict[tuple[str, str], int] = {}
        found = []
        for tree_id, op in ops:
            author = tree_id, op.peer
            if author not in before:
                before[author] = self._passed.get(author, 0)
            if op.counter > before[author]:
                found.append((tree_id, op))
                self._note(author, op.counter)
        return found

    def _note(self, author: tuple[str, str], counter: int) -> None:
        self._passed[author] = max(counter, self._passed.pop(author, 0))
        if len(self._passed) > AUTHORS_MAX:
            del self._passed[next(iter(self._passed))]
