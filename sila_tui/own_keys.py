"""An app whose keys a person may give other meanings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.keys import _character_to_key
from textual.widgets import Input, TextArea

from sila_tui.typed_ahead import OrderedKeys

if TYPE_CHECKING:
    from collections.abc import Mapping


class KeyedApp(OrderedKeys):
    """Takes each key for the one that it stands for, wherever keys mean actions."""

    def __init__(self, keys: Mapping[str, str], *, ansi_color: bool | None = None) -> None:
        super().__init__(ansi_color=ansi_color)
        self.key_meanings = {_key(pressed): _key(meant) for pressed, meant in keys.items()}
        """What a person's own keys stand for; an empty text for those that do nothing."""

    async def _check_bindings(self, key: str, priority: bool = False) -> bool:
        # What is typed into a line is asked for here first: letters stay letters there.
        is_writing = priority and isinstance(self.focused, (Input, TextArea))
        meant = key if is_writing else self.key_meanings.get(key, key)
        return await super()._check_bindings(meant, priority)


def _key(name: str) -> str:
    """The name of a key as bindings have it: `?` is `question_mark` to them."""
    return _character_to_key(name) if len(name) == 1 else name
