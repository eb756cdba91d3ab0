"""The messages of a chat with words looked for in them: found ones are gone to and marked."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.binding import Binding, BindingType
from textual.strip import Strip

from sila_tui.theme import palette
from sila_tui.widgets.chat_log import ChatLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style

    from sila_tui.contents import Chat, Message
    from sila_tui.session import Session


class ChatFind:
    """Which messages have all words that a person looks for."""

    def __init__(self) -> None:
        self.wish = ""
        self._found: list[int] = []

    def look_through(self, messages: Sequence[Message]) -> None:
        """Looks into the text, the thinking and the names of files."""
        words = self.words
        self._found = [
            index
            for index, message in enumerate(messages)
            if words and _has(message, words)
        ]  # fmt: skip

    @property
    def words(self) -> list[str]:
        """What a message must have, in any order."""
        return self.wish.casefold().split()

    @property
    def is_filtered(self) -> bool:
        """Whether anything is looked for."""
        return bool(self.words)

    @property
    def found(self) -> int:
        """How many messages have it."""
        return len(self._found)

    def after(self, index: int, step: int) -> int | None:
        """The next found message, or with a negative step the one before; goes round."""
        if not self._found:
            return None
        at = bisect_right(self._found, index) if step > 0 else bisect_left(self._found, index) - 1
        return self._found[at % len(self._found)]


class ChatReader(ChatLog):
    """Finds words as they are typed; `n` and `N` go on while there are any."""

    BINDING_GROUP_TITLE = "Chat"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "find(1)", "Next found"),
        Binding("N", "find(-1)", "Found before", show=False),
        Binding("n", "ask('version')", "Another version"),
        Binding("escape", "show_all", "End the search", show=False),
    ]

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.shown_rows = ChatFind()
        self._began_at = 0

    def show(self, chat: Chat, *, keep_place: bool) -> None:
        """Shows a chat, with what is looked for found in it."""
        super().show(chat, keep_place=keep_place)
        self.shown_rows.look_through(chat.messages)

    @property
    def is_at_end(self) -> bool:
        """Whether the cursor stands on the last message."""
        return self._cursor >= len(self._messages) - 1

    def go_to(self, message_id: str) -> bool:
        """Goes to a message once it is laid out; False when it is not shown."""
        ids = self._messages.ids
        if message_id not in ids:
            return False
        self.call_after_refresh(self.action_go, ids.index(message_id))
        return True

    def filter_by(self, wish: str) -> None:
        """Goes to the first message with the words from where one was when it began, onwards."""
        find = self.shown_rows
        if not find.is_filtered:
            self._began_at = self._cursor
        find.wish = wish
        find.look_through(self._messages)
        first = find.after(self._began_at - 1, 1)
        if first is not None:
            self.action_go(first)
        self.refresh()

    def action_move(self, step: int) -> None:
        """Goes on while words are typed."""
        self.action_find(step)

    def action_find(self, step: int) -> None:
        """Goes to the next found message, or to the one before."""
        found = self.shown_rows.after(self._cursor, step)
        if found is not None:
            self.action_go(found)

    def action_show_all(self) -> None:
        """Looks for nothing any more."""
        self.filter_by("")
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While something is looked for, `n` means the next of it."""
        is_finding = self.shown_rows.is_filtered
        if action in ("find", "show_all"):
            return is_finding
        return not is_finding if parameters == ("version",) else True

    def render_line(self, y: int) -> Strip:
        """Draws a line with the words marked in it."""
        strip = super().render_line(y)
        words = self.shown_rows.words
        if not words:
            return strip
        look = palette(self.app.theme)
        return marked(strip, words, look.strong + look.accent + look.marked)


def marked(strip: Strip, words: Sequence[str], style: Style) -> Strip:
    """A line of the screen with all places of words in a style."""
    text, cuts = strip.text, set()
    folded = text.casefold()
    if len(folded) != len(text):
        # Where folding changes lengths, places would be wrong.
        folded = text.lower()
    for word in words:
        at = folded.find(word)
        while at >= 0:
            cuts.add((cell_len(text[:at]), cell_len(text[: at + len(word)])))
            at = folded.find(word, at + len(word))
    pieces, last = [], 0
    for start, end in sorted(cuts):
        if start >= last:
            pieces += [strip.crop(last, start), _laid_over(strip.crop(start, end), style)]
            last = end
    return Strip.join([*pieces, strip.crop(last, strip.cell_length)]) if pieces else strip


def _laid_over(strip: Strip, style: Style) -> Strip:
    """A piece with a style over its own."""
    return Strip(
        [segment._replace(style=(segment.style or style) + style) for segment in strip],
        strip.cell_length,
    )


def _has(message: Message, words: Sequence[str]) -> bool:
    text = "\n".join((message.text, message.thinking, *message.files)).casefold()
    return all(word in text for word in words)
