"""The messages of a chat, drawn line by line, around the message under the cursor.

A message is laid out when it comes near the screen, once for each width: what a chat costs is what
is seen of it, however long it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events, on
from textual.geometry import Region, Size
from textual.strip import Strip

from sila_tui.contents import Messages
from sila_tui.theme import palette
from sila_tui.widgets.chat_block import ChatBlock
from sila_tui.widgets.chat_lines import MessageLayout
from sila_tui.widgets.line_view import LineView, Source
from sila_tui.widgets.lines import fitted, line

if TYPE_CHECKING:
    from rich.style import Style
    from rich.text import Text

    from sila_tui.contents import Chat, Message
    from sila_tui.session import Session

MARGIN_SCREENS = 2
"""What is laid out above and below the message at hand: a page up or down finds it there."""
MARGIN_SCREENS_MIN = 1
"""More is laid out when less than this is left, once what a key did is on the screen."""

NOTHING_YET = "Nothing here yet. Press enter to write the first message."


class ChatCanvas(LineView):
    """Shows one chat; what keys do to it is its subclass's business."""

    def __init__(self, session: Session) -> None:
        super().__init__("chat-log")
        self._session = session
        self._messages = Messages([])
        self._cursor = 0
        self._middle = 0
        """The message that the lines were laid out around."""
        self._opened: set[str] = set()
        self.block = ChatBlock()
        """What is laid out."""

    @property
    def current(self) -> Message | None:
        """The message under the cursor."""
        return self._messages[self._cursor] if self._cursor < len(self._messages) else None

    def show(self, chat: Chat, *, keep_place: bool) -> None:
        """Shows a chat; at its end, or where one was reading when `keep_place` is given."""
        was_at_end = self._cursor >= len(self._messages) - 1
        known = self.current
        self._messages = chat.messages
        ids = chat.messages.ids
        if keep_place and known is not None and not was_at_end:
            at = ids.index(known.id) if known.id in ids else self._cursor
            self._cursor = max(0, min(at, len(ids) - 1))
        else:
            self._cursor = max(0, len(ids) - 1)
        self._lay_out()
        self.call_after_refresh(self._show_cursor)

    def on_mount(self) -> None:
        """Lays the messages out anew when the colours change: they are part of the lines."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._lay_out())

    def on_resize(self) -> None:
        """Lays the messages out for the new width."""
        self._lay_out()
        self.call_after_refresh(self._show_cursor)

    @on(events.Focus)
    @on(events.Blur)
    def focus_changed(self) -> None:
        """Shows or hides the cursor."""
        self.draw_cursor()

    def _lay_out(self, middle: int | None = None) -> None:
        """Lays out what is near a message, the one under the cursor when none is given.

        That message stays on its line of the screen where it has one.
        """
        width, look = self.size.width, palette(self.app.theme)
        if width < 10:
            return
        self._middle = self._cursor if middle is None else middle
        anchor = next(iter(self._messages[self._middle : self._middle + 1]), None)
        before = self.block.top_of(anchor)
        layout = MessageLayout(width, look, self._session.say, self._session.symbols)
        margin = MARGIN_SCREENS * max(1, self.size.height)
        console = self.app.console
        self.block.lay_out(self._messages, self._middle, margin, self._opened, layout, console)
        self.virtual_size = Size(width, self.block.height)
        after = self.block.top_of(anchor)
        if before is not None and after is not None and before != after:
            top = int(self.scroll_offset.y) + after - before
            self.scroll_to(y=top, animate=False, force=True, immediate=True)
        self.draw_changes()

    def _lay_out_more(self) -> None:
        """Lays out what one may come to next, when it has become little."""
        margin = MARGIN_SCREENS_MIN * max(1, self.size.height)
        if not self.block.has_margin(self._cursor, margin):
            self._lay_out()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Brings what comes near the screen when somebody scrolls past what is laid out."""
        super().watch_scroll_y(old_value, new_value)
        height, block = self.size.height, self.block
        is_near_top = block.first > 0 and new_value < height // 2
        is_near_end = block.later > 0 and new_value + height > block.height - height // 2
        if is_near_top or is_near_end:
            middle = block.message_at(int(new_value) + height // 2)
            if middle is not None and middle != self._middle:
                self.call_after_refresh(self._lay_out, middle)

    def source_of(self, y: int) -> Source:
        """A line of a message, or what is said in place of messages."""
        found = self.block.line_at(int(self.scroll_offset.y) + y)
        if isinstance(found, str):
            said = NOTHING_YET if not self._messages and y == 0 else found
            return Source(line((f"  {said}", palette(self.app.theme).dim)))
        is_cursor = found[0] == self._cursor
        return Source(found[1], is_cursor, is_cursor and self.has_focus)

    def strip_of(self, source: Source, ground: Style) -> Strip:
        """Draws a line, that of the message under the cursor with its sign."""
        if not isinstance(source.content, Strip):
            return self._drawn_text(source.content).apply_style(ground)
        strip = source.content
        if source.has_keys:
            sign = (self._session.symbols.cursor, palette(self.app.theme).accent)
            mark = self._drawn_text(line(sign)).apply_style(ground)
            strip = Strip.join([mark.crop(0, 1), strip.crop(1, self.size.width)])
        return strip.apply_style(ground)

    def _drawn_text(self, text: Text) -> Strip:
        filled = fitted(text, self.size.width)
        return Strip(filled.render(self.app.console), self.size.width)

    def has_cursor(self, y: int) -> bool:
        """All lines of the message have it."""
        found = self.block.line_at(int(self.scroll_offset.y) + y)
        return not isinstance(found, str) and found[0] == self._cursor

    def _show_cursor(self) -> None:
        extent = self.block.extent(self._cursor)
        if extent is not None:
            top, height = extent
            region = Region(0, top, 1, max(1, min(height, self.size.height)))
            self.scroll_to_region(region, animate=False, force=True)
