"""The lines in which a message is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

if TYPE_CHECKING:
    from textual import events


class Composer(TextArea):
    """One line that grows; enter sends, alt+enter breaks the line, escape leaves the text alone."""

    DEFAULT_CSS = """
    Composer {
        height: auto; max-height: 8; border: none; border-top: solid $border;
        padding: 0 1; background: $background;
    }
    Composer { border-title-color: $accent; border-title-style: bold; }
    Composer:focus { border: none; border-top: solid $accent; }
    """
    BINDING_GROUP_TITLE = "Writing"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", priority=True),
        Binding("alt+enter,ctrl+j", "new_line", "New line"),
        Binding("ctrl+e", "editor", "Editor", priority=True),
        Binding("escape", "let_go", "Back to reading"),
    ]

    class Sent(Message):
        """A person wants this text to become a message."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class EditorWanted(Message):
        """A person wants to go on in an editor of his own."""

    class LeftAlone(Message):
        """A person goes back to reading; the text stays."""

    def __init__(self) -> None:
        super().__init__(
            id="composer",
            placeholder="write a message … (enter sends, alt+enter new line, ctrl+e editor)",
            show_line_numbers=False,
            soft_wrap=True,
            highlight_cursor_line=False,
        )
        self.cursor_blink = False

    def begin(self, text: str, title: str = "") -> None:
        """Starts with a text; `title` says what it is when it is no new message."""
        self.border_title = title
        self.text = text
        self.move_cursor(self.document.end)

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            return
        await super()._on_key(event)

    def action_send(self) -> None:
        """Hands the text over unless it is empty."""
        if self.text.strip():
            self.post_message(self.Sent(self.text.strip("\n")))

    def action_editor(self) -> None:
        """Asks for the editor."""
        self.post_message(self.EditorWanted())

    def action_new_line(self) -> None:
        """Breaks the line."""
        self.insert("\n")

    def action_let_go(self) -> None:
        """Goes back to the messages."""
        self.post_message(self.LeftAlone())
