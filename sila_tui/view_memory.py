"""How a space was looked at last: its parts, how they were split, where one stood in each.

Kept with what else the screen remembers, as small JSON texts; the oldest go first.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sila_tui.memory import Memory
    from sila_tui.outline import Item

SPACES, PARTS, LOOK = "views", "parts", "look"
LAST_SPACE = "last-space"
TEXT_CHARACTERS_MAX = 8000
"""A longer one is not kept: a person who opened so much opens it anew."""

State = dict[str, Any]


class ViewMemory:
    """The states of one space and of its parts."""

    def __init__(self, memory: Memory, space_id: str) -> None:
        self._memory = memory
        self._space_id = space_id

    def note_space(self, state: State) -> None:
        """Keeps how the space is looked at, and that it was the last one."""
        self._memory.put(LOOK, LAST_SPACE, self._space_id)
        self._put(SPACES, self._space_id, state)

    def space(self) -> State:
        """How it was looked at last; empty when it never was."""
        return self._get(SPACES, self._space_id)

    def note_part(self, item: Item, state: State) -> None:
        """Keeps where one stands in a part of the space; an empty state forgets it."""
        self._put(PARTS, self._key(item), state)

    def part(self, item: Item) -> State:
        """Where one stood in it."""
        return self._get(PARTS, self._key(item))

    def _key(self, item: Item) -> str:
        return f"{self._space_id}/{item.view}/{item.tree}"

    def _put(self, section: str, key: str, state: State) -> None:
        text = json.dumps(state) if state else None
        if text is None or len(text) <= TEXT_CHARACTERS_MAX:
            self._memory.put(section, key, text)

    def _get(self, section: str, key: str) -> State:
        try:
            known = json.loads(self._memory.text(section, key) or "{}")
        except (ValueError, RecursionError):
            return {}
        return known if isinstance(known, dict) else {}


def texts(value: object, most: int) -> list[str]:
    """The texts in a list that a file may have anything for."""
    found = value if isinstance(value, list) else []
    return [each for each in found if isinstance(each, str)][:most]


def text(value: object) -> str:
    """A text that a file may have anything for."""
    return value if isinstance(value, str) else ""
