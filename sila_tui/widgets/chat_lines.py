"""One message of a chat as lines of the screen; Markdown is laid out once for each width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement
from rich.segment import Segment
from rich.style import Style
from rich.syntax import Syntax
from rich.text import Text
from rich.theme import Theme
from textual.strip import Strip

from sila_tui.widgets.lines import line, sides
from sila_tui.words import Symbols, counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console, ConsoleOptions, RenderResult

    from sila_tui.contents import Message
    from sila_tui.sentences import Sentences
    from sila_tui.theme import Palette

INDENT = 2
"""Cells before the text; the cursor's sign stands in the first."""
TEXT_WIDTH_MAX = 96
"""Longer lines are hard to read, however wide the terminal is."""

ROLE_NAMES = {"user": "You", "assistant": "Assistant", "tool": "Tool", "error": "Error"}

_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])
"""Without HTML: what looks like it is text that somebody wrote, and stays visible."""


class _LeftHeading(Heading):
    """A heading at the left margin: Rich puts the first level into a box in the middle."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        yield self.text


class _Code(CodeBlock):
    """Code on a ground of its own, without the empty lines that Rich puts around it."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        ground = console.get_style("markdown.code_block").bgcolor
        yield Syntax(
            str(self.text).rstrip(),
            self.lexer_name,
            theme=self.theme,
            word_wrap=True,
            padding=(0, 1),
            background_color=ground.name if ground else None,
        )


class ChatMarkdown(Markdown):
    """Markdown as people mean it in chats: line breaks count, and HTML is text."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements,
        "heading_open": _LeftHeading,
        "fence": _Code,
        "code_block": _Code,
    }

    def __init__(self, text: str, look: Palette) -> None:
        super().__init__("", code_theme=look.code_theme, hyperlinks=False)
        self.markup = text
        self.parsed = _PARSER.parse(text)
        for token in self.parsed:
            token.children = [*_children(token)] if token.children else token.children


def _children(token: Token) -> Iterable[Token]:
    for child in token.children or ():
        if child.type == "softbreak":
            child.type = "hardbreak"
        if child.type == "image":
            yield Token("text", "", 0, content=f"[image: {child.content}]")
        else:
            yield child


def markdown_theme(look: Palette) -> Theme:
    """Rich's styles for Markdown in our colours."""
    strong, dim, accent = look.strong, look.dim, look.accent
    heading = {f"markdown.h{level}": strong + accent for level in range(1, 7)}
    return Theme(
        {
            "markdown.paragraph": look.text,
            "markdown.text": look.text,
            "markdown.code": look.code,
            "markdown.code_block": look.code,
            "markdown.block_quote": dim,
            "markdown.list": look.text,
            "markdown.item": look.text,
            "markdown.item.bullet": accent,
            "markdown.item.number": accent,
            "markdown.hr": look.faint,
            "markdown.link": accent,
            "markdown.link_url": accent + Style(underline=True),
            "markdown.table.border": look.faint,
            "markdown.table.header": strong,
            **heading,
        }
    )


@dataclass(frozen=True)
class MessageLayout:
    """Everything that the lines of a message depend on besides the message."""

    width: int
    look: Palette
    say: Sentences
    symbols: Symbols


def message_lines(
    message: Message, layout: MessageLayout, console: Console, *, is_open: bool
) -> list[Strip]:
    """The message as strips of `layout.width` cells, an empty one at the end."""
    width = min(layout.width - INDENT - 1, TEXT_WIDTH_MAX)
    options = console.options.update(width=max(10, width), height=None, no_wrap=False)
    pieces: list[list[Segment]] = [_segments(_head(message, layout, width), console)]
    for note in _notes(message, layout, is_open):
        pieces += console.render_lines(note, options, pad=False)
    if message.text.strip():
        pieces += _trimmed(_body(message, layout, console, options))
    for name in message.files:
        piece = line((f"{layout.symbols.dot} ", layout.look.dim), (name, layout.look.accent))
        pieces.append(_segments(piece, console))
    if message.in_progress:
        pieces.append(_segments(line((layout.symbols.more, layout.look.accent)), console))
    margin = Segment(" " * INDENT)
    strips = [Strip([margin, *piece]).adjust_cell_length(layout.width) for piece in pieces]
    return [*strips, Strip.blank(layout.width)]


def _body(
    message: Message, layout: MessageLayout, console: Console, options: ConsoleOptions
) -> list[list[Segment]]:
    with console.use_theme(markdown_theme(layout.look)):
        body = ChatMarkdown(message.text, layout.look)
        return console.render_lines(body, options, style=layout.look.text, pad=False)


def _trimmed(lines: list[list[Segment]]) -> list[list[Segment]]:
    """Without empty lines at the ends, and with one where Rich puts two between blocks."""
    kept: list[list[Segment]] = []
    for at, piece in enumerate(lines):
        is_empty = _is_empty(piece)
        if not is_empty or (kept and not _is_empty(kept[-1]) and not _is_empty(lines[at - 1])):
            kept.append(piece)
    if kept and _is_empty(kept[-1]):
        kept.pop()
    return kept


def _is_empty(piece: list[Segment]) -> bool:
    return not any(
        segment.text.strip() or (segment.style and segment.style.bgcolor) for segment in piece
    )


def _head(message: Message, layout: MessageLayout, width: int) -> Text:
    look, symbols = layout.look, layout.symbols
    style = {"user": look.strong, "error": look.bad}.get(message.role, look.accent)
    name = message.author or ROLE_NAMES.get(message.role, message.role or "someone")
    facts = [message.model] if message.model else []
    if message.created_at is not None:
        facts.append(layout.say.time_of_day(message.created_at))
    said = "".join(f" {symbols.dot} {fact}" for fact in facts)
    left = line((name, style + Style(bold=True)), (said, look.dim))
    count = len(message.alternatives)
    if count < 2:
        return sides(left, line(""), width)
    turn = f"{symbols.back} {message.index + 1} of {count} {symbols.into}"
    return sides(left, line((turn, look.accent)), width)


def _notes(message: Message, layout: MessageLayout, is_open: bool) -> Iterable[Text]:
    """What belongs to a message beside its text, folded to a line each unless it is open."""
    look, sign = layout.look, layout.symbols.opened if is_open else layout.symbols.closed
    if message.thinking.strip():
        count = len(message.thinking.strip().splitlines())
        yield Text(f"{sign} thinking ({counted(count, 'line')})", look.dim)
        if is_open:
            yield Text(message.thinking.strip(), look.dim + Style(italic=True))
    for tool in message.tools:
        yield Text(f"{layout.symbols.dot} used {tool}", look.dim)


def _segments(text: Text, console: Console) -> list[Segment]:
    return [segment for segment in text.render(console) if segment.text != "\n"]
