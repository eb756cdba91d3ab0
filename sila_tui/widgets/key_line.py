"""The last line of every screen: the keys that matter for what is focused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.keys import format_key
from textual.widget import Widget

from sila_tui.theme import palette
from sila_tui.widgets.lines import line, sides

if TYPE_CHECKING:
    from rich.text import Text
    from textual.binding import Binding
    from textual.screen import Screen

ALWAYS = ((":", "command"), ("?", "keys"))
SHORT = {"ctrl+p": "^p", "slash": "/", "question_mark": "?", "escape": "esc", "enter": "enter"}


def key_name(key: str) -> str:
    """The key as people write it."""
    if key in SHORT:
        return SHORT[key]
    *modifiers, last = key.split("+")
    return "+".join([*modifiers, SHORT.get(last) or (format_key(last) if len(last) > 1 else last)])


def visible_bindings(screen: Screen[object]) -> list[Binding]:
    """The bindings in force that are meant to be seen, the focused widget's first, each once."""
    found: dict[str, Binding] = {}
    for active in screen.active_bindings.values():
        binding = active.binding
        if binding.show and active.enabled:
            # Of several keys for one action the one that says most stands for all.
            if binding.action not in found or binding.key == "enter":
                found[binding.action] = binding
    return list(found.values())


class KeyLine(Widget):
    """Draws as many of the visible bindings as fit, and how to find the rest."""

    DEFAULT_CSS = "KeyLine { height: 1; dock: bottom; }"

    def __init__(self, note: str = "") -> None:
        super().__init__()
        self._note = note

    def on_mount(self) -> None:
        """Draws again whenever the focus changes what keys do."""
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def _bindings_changed(self, _: Screen[object]) -> None:
        self.refresh()

    def say(self, note: str) -> None:
        """Shows a note at the right end."""
        if note != self._note:
            self._note = note
            self.refresh()

    def render(self) -> Text:
        """Draws the line."""
        look, width = palette(self.app.theme), self.size.width
        right = line((self._note, look.warn), "  ") if self._note else line("")
        for key, what in ALWAYS:
            right.append_text(line((key, look.accent), (f" {what}  ", look.dim)))
        left = line(" ")
        room = width - right.cell_len - 2
        for binding in visible_bindings(self.screen):
            key = key_name(binding.key.split(",")[0])
            piece = line((key, look.accent), (f" {binding.description.lower()}  ", look.dim))
            if left.cell_len + piece.cell_len > room:
                break
            left.append_text(piece)
        return sides(left, right, width, gap=0)
