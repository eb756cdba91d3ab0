"""A chat with a cursor that moves from message to message, and what keys do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message as Notice

from sila_tui.clipboard import copy
from sila_tui.widgets.chat_canvas import ChatCanvas

if TYPE_CHECKING:
    from textual import events

    from sila_tui.contents import Message


class ChatLog(ChatCanvas, can_focus=True, inherit_bindings=False):
    """Shows one chat and says which message a person wants to do something with."""

    DEFAULT_CSS = """
    ChatLog { scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden; }
    """
    BINDING_GROUP_TITLE = "Chat"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,i", "ask('write')", "Write"),
        Binding("left_square_bracket", "turn(-1)", "Branch before", show=False),
        Binding("right_square_bracket", "turn(1)", "Next branch", show=False),
        Binding("e", "ask('edit')", "Edit"),
        Binding("n", "ask('version')", "Another version"),
        Binding("o", "unfold", "Unfold"),
        Binding("y", "copy", "Copy"),
        Binding("w", "ask('export')", "Save as Markdown", show=False),
        Binding("j,down", "step(1)", "Next message", show=False),
        Binding("k,up", "step(-1)", "Message before", show=False),
        Binding("g,home", "go(0)", "First message", show=False),
        Binding("G,end", "go(-1)", "Last message", show=False),
        Binding("ctrl+d,pagedown", "scroll_page(1)", "Page down", show=False),
        Binding("ctrl+u,pageup", "scroll_page(-1)", "Page up", show=False),
    ]

    class Turned(Notice):
        """A person wants the alternative `step` away from a message."""

        def __init__(self, message: Message, step: int) -> None:
            super().__init__()
            self.message = message
            self.step = step

    class Asked(Notice):
        """A person wants something done: `edit` or `version` of a message, `export` of all."""

        def __init__(self, what: str, message: Message) -> None:
            super().__init__()
            self.what = what
            self.message = message

    class WriteWanted(Notice):
        """A person wants to write."""

    def action_step(self, step: int) -> None:
        """Moves to the next message or the one before; within a long one it scrolls."""
        self.action_go(max(0, min(self._cursor + step, len(self._messages) - 1)))

    def action_go(self, index: int) -> None:
        """Moves to a message; -1 is the last."""
        self._cursor = max(0, len(self._messages) - 1) if index < 0 else index
        if self.block.extent(self._cursor) is None:
            self._lay_out()
        else:
            self.call_after_refresh(self._lay_out_more)
        self.draw_cursor()
        self._show_cursor()

    def action_scroll_page(self, direction: int) -> None:
        """Scrolls by a page and takes the cursor along."""
        self.scroll_relative(y=direction * (self.size.height - 2), animate=False, force=True)
        at = int(self.scroll_target_y) + (self.size.height // 2)
        self._point_at(at)

    def action_turn(self, step: int) -> None:
        """Asks for another branch at this message."""
        if self.current is not None and len(self.current.alternatives) > 1:
            self.post_message(self.Turned(self.current, step))

    def action_unfold(self) -> None:
        """Shows or hides what the message was thought out with, tool calls included."""
        if self.current is not None:
            self._opened ^= {self.current.id}
            self._lay_out()
            self._show_cursor()

    def action_copy(self) -> None:
        """Copies the message's text."""
        if self.current is not None:
            copy(self, self.current.source, "Message")

    def action_ask(self, what: str) -> None:
        """Passes on that a person wants to write, or what is to be done with a message."""
        if what == "write":
            self.post_message(self.WriteWanted())
        elif self.current is not None:
            self.post_message(self.Asked(what, self.current))

    def on_click(self, event: events.Click) -> None:
        """Moves the cursor to the message that was clicked."""
        at = int(self.scroll_offset.y) + event.y
        if at < self.block.height:
            self._point_at(at)

    def _point_at(self, line: int) -> None:
        found = self.block.message_at(line)
        self._cursor = self._cursor if found is None else found
        self.draw_cursor()
