"""The last line of every screen: the keys that matter for what is focused."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.keys import format_key
from textual.screen import ModalScreen
from textual.widget import Widget

from sila_tui.theme import palette
from sila_tui.widgets.lines import line, sides
from sila_tui.words import span

if TYPE_CHECKING:
    from rich.text import Text
    from textual.binding import Binding
    from textual.screen import Screen

    from sila_tui.app import SilaApp
    from sila_tui.theme import Palette
    from sila_tui.waits import Waits

ALWAYS = ((":", "command"), ("?", "keys"))
TURN_S = 0.2
"""How often the sign of something that takes long turns."""
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
    """Draws as many of the visible bindings as fit; what is waited for takes their place."""

    DEFAULT_CSS = "KeyLine { height: 1; dock: bottom; }"

    def __init__(self, note: str = "") -> None:
        super().__init__()
        self._note = note
        self._turns = 0
        self.is_turning = False
        """Whether the sign of something that takes long turns."""

    def on_mount(self) -> None:
        """Draws again whenever the focus changes what keys do."""
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)
        self._turning = self.set_interval(TURN_S, self._turn, pause=True)
        self._waits.listeners.add(self.waits_changed)

    def on_unmount(self) -> None:
        """Hears of what is waited for no longer."""
        self._waits.listeners.discard(self.waits_changed)

    def waits_changed(self) -> None:
        """Begins to turn where somebody sees it."""
        # Textual draws a whole screen anew for every change of the one that it covers.
        if self._is_in_sight:
            self.is_turning = True
            self._turning.resume()

    @property
    def _is_in_sight(self) -> bool:
        stack = self.app.screen_stack
        above = stack[stack.index(self.screen) + 1 :] if self.screen in stack else stack
        return all(isinstance(screen, ModalScreen) for screen in above)

    @property
    def _waits(self) -> Waits:
        return cast("SilaApp", self.app).link.waits

    def _turn(self) -> None:
        self._turns += 1
        if self._is_in_sight:
            self.refresh()
        self.is_turning = bool(self._waits.slow) and self._is_in_sight
        if not self.is_turning:
            self._turning.pause()

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
        left = self._waiting(look)
        if left is not None:
            return sides(left, right, width, gap=0)
        left = line(" ")
        room = width - right.cell_len - 2
        for binding in visible_bindings(self.screen):
            key = key_name(binding.key.split(",")[0])
            piece = line((key, look.accent), (f" {binding.description.lower()}  ", look.dim))
            if left.cell_len + piece.cell_len > room:
                break
            left.append_text(piece)
        return sides(left, right, width, gap=0)

    def _waiting(self, look: Palette) -> Text | None:
        """What is waited for, since when, and how to stop; None when nothing is slow."""
        slow = self._waits.slow
        if not slow:
            return None
        turns = cast("SilaApp", self.app).symbols.turns
        more = f" and {len(slow) - 1} more" if len(slow) > 1 else ""
        return line(
            (f" {turns[self._turns % len(turns)]} ", look.accent),
            (f"waiting for {slow[0].said}{more}", look.text),
            (f"  {span(self._waits.seconds)}   ", look.dim),
            ("esc", look.accent),
            (" stops", look.dim),
        )
