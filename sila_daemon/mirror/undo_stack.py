"""The last edits of a space that were made through this daemon, to be taken back one by one.

They are remembered while the daemon runs: what a person means by "undo" is what was just done.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from sila_daemon.core.errors import NotFoundError
from sila_daemon.core.undo import EditStep, Undone, require_as_made, undo

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.mirror.layers import Layers
    from sila_daemon.ports.clock import Clock

STEPS_MAX = 100
BYTES_MAX = 4 << 20
"""Of all steps of a space together; an edit that is larger by itself cannot be taken back, and
nothing that was done before it."""


class _Entry(NamedTuple):
    at: float
    """Unix seconds."""
    step: EditStep
    along: tuple[EditStep, ...] = ()
    """What it did to other trees; said of it is only the first."""
    made: EditStep | None = None
    """What it put into a tree that it made: nobody refers to that any more once it is undone."""

    @property
    def trees(self) -> list[str]:
        made = [] if self.made is None else [self.made.tree_id]
        return [self.step.tree_id, *(step.tree_id for step in self.along), *made]

    @property
    def size(self) -> int:
        made = 0 if self.made is None else self.made.size
        return self.step.size + sum(step.size for step in self.along) + made


class UndoneStep(NamedTuple):
    """An edit that was taken back."""

    tree_id: str
    at: float
    """When it was made, in Unix seconds."""
    changes: list[Undone]
    left: int
    """How many more there are."""


class UndoStack:
    """The edits of one space, the newest last."""

    def __init__(self, ready_layers: Callable[[], Awaitable[Layers]], clock: Clock) -> None:
        self._ready_layers = ready_layers
        self._clock = clock
        self._entries: deque[_Entry] = deque()

    def note(self, *steps: EditStep, made: EditStep | None = None) -> None:
        """Remembers an edit that was kept, with a step for each tree that it changed.

        `made` is what it put into a tree of its own: it is taken back only as long as that tree
        holds nothing else.
        """
        done = [step for step in steps if step]
        if not done:
            return
        entry = _Entry(self._clock.time(), done[0], tuple(done[1:]), made)
        if entry.size > BYTES_MAX:
            self._entries.clear()
            return
        self._entries.append(entry)
        while (
            len(self._entries) > STEPS_MAX or sum(entry.size for entry in self._entries) > BYTES_MAX
        ):
            self._entries.popleft()

    async def undo(self, *, partly: bool = False) -> UndoneStep:
        """Takes back the newest edit that was not taken back; durable when this returns.

        Raises NotFoundError when there is none, ProtectionError when things are not as it left
        them; with `partly` what changed since is left as it is.
        """
        layers = await self._ready_layers()
        taken: list[_Entry] = []

        def act(trees: list[RepTree]) -> list[Undone] | None:
            # Edits are made one after the other: nobody else takes it before this is over.
            if not self._entries or self._entries[-1] is not entry:
                return None
            taken.append(self._entries.pop())
            if entry.made is not None:
                # Others' work would go with it, and there is no part of it that could stay.
                require_as_made(trees.pop(), entry.made)
            for tree, step in zip(trees[1:], entry.along, strict=True):
                undo(tree, step, partly=partly)
            return undo(trees[0], entry.step, partly=partly)

        while True:
            if not self._entries:
                raise NotFoundError(
                    "nothing was edited through this daemon since it started, or all of it was"
                    " undone",
                    code="nothing_to_undo",
                )
            entry = self._entries[-1]
            try:
                changes = await layers.intake.edit(entry.trees, act, is_meant=True)
            except BaseException:
                self._entries.extend(taken)
                raise
            if changes is not None:
                return UndoneStep(entry.step.tree_id, entry.at, changes, len(self._entries))
