"""Markdown of chats and files in our colours; loaded when the first of it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.markdown import CodeBlock, Heading, Markdown, MarkdownElement
from rich.style import Style
from rich.syntax import Syntax
from rich.theme import Theme

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console, ConsoleOptions, RenderResult

    from sila_tui.theme import Palette

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
