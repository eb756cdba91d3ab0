"""One message of a chat as lines of the screen; Markdown is laid out once for each width."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip

from sila_tui.widgets.lines import line, sides
from sila_tui.words import Symbols, counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console, ConsoleOptions, RenderableType

    from sila_tui.contents import Message, ToolUse
    from sila_tui.sentences import Sentences
    from sila_tui.theme import Palette

INDENT = 2
"""Cells before the text; the cursor's sign stands in the first."""
TEXT_WIDTH_MAX = 96
"""Longer lines are hard to read, however wide the terminal is."""

TOOL_LINES_MAX = 40
"""Of the arguments and of the result of a tool call; more is told, and seen in the raw tree."""

ROLE_NAMES = {"user": "You", "assistant": "Assistant", "tool": "Tool", "error": "Error"}


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
    # Loading it takes as long as a tenth of the app: not before there is something to lay out.
    from sila_tui.widgets.markdown import ChatMarkdown, markdown_theme

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


def _notes(message: Message, layout: MessageLayout, is_open: bool) -> Iterable[RenderableType]:
    """What belongs to a message beside its text, folded to a line each unless it is open."""
    look, sign = layout.look, layout.symbols.opened if is_open else layout.symbols.closed
    if message.thinking.strip():
        count = len(message.thinking.strip().splitlines())
        yield Text(f"{sign} thinking ({counted(count, 'line')})", look.dim)
        if is_open:
            yield Text(message.thinking.strip(), look.dim + Style(italic=True))
    for tool in message.tools:
        yield from _tool_lines(tool, layout, is_open)


def _tool_lines(tool: ToolUse, layout: MessageLayout, is_open: bool) -> Iterable[RenderableType]:
    """A tool call on a line, with its arguments and its result below it when it is open."""
    look, symbols = layout.look, layout.symbols
    said = f"used {tool.name}" if tool.is_asked else f"result of {tool.name}"
    parts = [part for part in (tool.arguments, tool.result) if part]
    if not parts:
        yield Text(f"{symbols.dot} {said}", look.dim)
        return
    count = sum(len(part.splitlines()) for part in parts)
    sign = symbols.opened if is_open else symbols.closed
    yield Text(f"{sign} {said} ({counted(count, 'line')})", look.dim)
    if not is_open:
        return
    for title, part in (("asked", tool.arguments), ("result", tool.result)):
        lines = part.splitlines()
        if not lines:
            continue
        if tool.is_asked:
            yield Text(f"  {title}", look.dim)
        yield Padding(Text("\n".join(lines[:TOOL_LINES_MAX]), look.text), (0, 0, 0, 4))
        if len(lines) > TOOL_LINES_MAX:
            left = counted(len(lines) - TOOL_LINES_MAX, "more line")
            yield Text(f"    {symbols.more} {left}", look.dim)
    if tool.is_cut:
        yield Text(f"  {symbols.more} there is more of it: t shows the tree", look.dim)


def _segments(text: Text, console: Console) -> list[Segment]:
    return [segment for segment in text.render(console) if segment.text != "\n"]
