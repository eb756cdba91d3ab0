"""Which chats have messages that nobody has looked at on this machine."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sila_tui.memory import Memory
    from sila_tui.outline import Outline

SECTION = "seen"


class Unread:
    """Counts the messages of one space's chats against those that were shown."""

    def __init__(self, memory: Memory, space_id: str) -> None:
        self._memory = memory
        self._space_id = space_id
        self._own = Counter[str]()
        """Messages of each chat that are being sent from here."""

    def begin(self, outline: Outline) -> None:
        """Takes everything as read in a space that is looked at for the first time."""
        if self._memory.number(SECTION, self._space_id) is None:
            self._memory.put(SECTION, self._space_id, 1)
            for chat in outline.chats:
                if chat.tree:
                    self.shown(chat.tree, chat.count)

    def shown(self, tree: str, count: int) -> None:
        """Takes the messages of a chat as read."""
        self._memory.put(SECTION, self._key(tree), count)

    def count(self, tree: str, messages: int) -> int:
        """How many of a chat's messages are new."""
        seen = self._memory.number(SECTION, self._key(tree)) or 0
        is_known = self._memory.number(SECTION, self._space_id) is not None
        return max(0, messages - seen - self._own[tree]) if is_known else 0

    @contextmanager
    def writing(self, tree: str) -> Iterator[None]:
        """Counts one message more of a chat as known, from before the daemon tells of it.

        Before the end it has to be `shown` or `wrote`.
        """
        self._own[tree] += 1
        try:
            yield
        finally:
            self._own[tree] -= 1

    def wrote(self, tree: str) -> None:
        """Takes one message more of a chat as read: a person knows what he wrote."""
        seen = self._memory.number(SECTION, self._key(tree)) or 0
        self._memory.put(SECTION, self._key(tree), seen + 1)

    def _key(self, tree: str) -> str:
        return f"{self._space_id}/{tree}"
