"""What a file looks like: a few facts, and the beginning of it, laid out once for each width."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from sila_tui.png_pixels import half_blocks
from sila_tui.theme import palette
from sila_tui.widgets.lines import fitted, line
from sila_tui.words import UNICODE

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.syntax import Syntax

    from sila_tui.png_pixels import Colour, Pixels
    from sila_tui.preview import Preview
    from sila_tui.theme import Palette
    from sila_tui.words import Symbols

WIDTH_MIN = 12
PICTURE_LINES_MAX = 40


class FilePreview(ScrollView, can_focus=True, inherit_bindings=False):
    """Scrolls through a preview."""

    DEFAULT_CSS = """
    FilePreview { scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden; }
    """
    BINDING_GROUP_TITLE = "Preview"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_by(1)", "Down", show=False),
        Binding("k,up", "scroll_by(-1)", "Up", show=False),
        Binding("ctrl+d,pagedown,space", "scroll_page(1)", "Page down", show=False),
        Binding("ctrl+u,pageup", "scroll_page(-1)", "Page up", show=False),
        Binding("g,home", "scroll_home(False)", "Beginning", show=False),
        Binding("G,end", "scroll_end(False)", "End", show=False),
        Binding("escape,h,left,q", "leave", "Back to the list"),
    ]

    class LeftAlone(Message):
        """A person goes back to the list."""

    def __init__(self) -> None:
        super().__init__(id="file-preview")
        self._facts: tuple[str, ...] = ()
        self._title = ""
        self._preview: Preview | None = None
        self._lines: list[Strip] = []

    def show(self, name: str, facts: tuple[str, ...], preview: Preview | None) -> None:
        """Shows a file from its beginning; None says that it is on its way."""
        is_other = name != self._title
        self._title, self._facts, self._preview = name, facts, preview
        self._lay_out()
        if is_other:
            self.scroll_to(y=0, animate=False)

    def on_mount(self) -> None:
        """Lays the text out anew when the colours change: they are part of the lines."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._lay_out())

    def on_resize(self) -> None:
        """Lays the text out for the new width."""
        self._lay_out()

    def _lay_out(self) -> None:
        width, look = self.size.width - 2, palette(self.app.theme)
        if width < WIDTH_MIN:
            return
        head = [line((self._title, look.strong)), *(line((fact, look.dim)) for fact in self._facts)]
        note = self._preview.note if self._preview else "…"
        head += [line((note, look.dim))] if note and self._title else []
        pieces = [self._segments(fitted(text, width)) for text in [*head, line("")]]
        if self._preview is not None and self._preview.picture is not None:
            pieces += self._picture(self._preview.picture, width, PICTURE_LINES_MAX)
        elif self._preview is not None and self._preview.text:
            pieces += self._body(self._preview, look, width)
        blank = Strip.blank(1)
        self._lines = [Strip.join([blank, Strip(piece).adjust_cell_length(width + 1)])
                       for piece in pieces]  # fmt: skip
        self.virtual_size = Size(self.size.width, len(self._lines))
        self.refresh()

    def _body(self, preview: Preview, look: Palette, width: int) -> list[list[Segment]]:
        console = self.app.console
        options = console.options.update(width=width, height=None, no_wrap=False)
        body: RenderableType
        from sila_tui.widgets.markdown import ChatMarkdown, markdown_theme

        match preview.kind:
            case "markdown":
                body = ChatMarkdown(preview.text, look)
            case "text" | "json":
                body = self._highlighted(preview, look)
            case _:
                body = Text(preview.text, look.text)
        with console.use_theme(markdown_theme(look)):
            return console.render_lines(body, options, style=look.text, pad=False)

    def _picture(self, pixels: Pixels, width: int, lines: int) -> list[list[Segment]]:
        """Two pixels in each cell."""
        symbols = cast("Symbols", getattr(self.app, "symbols", UNICODE))
        sign, ground = symbols.upper_half, self.background_colors[1].rgb
        if not sign:
            return []
        return [
            [Segment(sign, _two_colours(upper, lower, ground)) for upper, lower in row]
            for row in half_blocks(pixels, width, lines)
        ]

    def _highlighted(self, preview: Preview, look: Palette) -> Syntax | Text:
        from rich.syntax import Syntax

        lexer = "json" if preview.kind == "json" else Syntax.guess_lexer(self._title)
        if lexer == "default":
            return Text(preview.text, look.text)
        color = self.background_colors[1]
        # The terminal's own ground has no colour that could be named.
        ground = None if color.ansi is not None else color.hex
        theme = look.code_theme
        return Syntax(preview.text, lexer, theme=theme, word_wrap=True, background_color=ground)

    def _segments(self, text: Text) -> list[Segment]:
        return [piece for piece in text.render(self.app.console) if piece.text != "\n"]

    def render_line(self, y: int) -> Strip:
        """Draws the line `y` of what is visible."""
        at, width = int(self.scroll_offset.y) + y, self.size.width
        strip = self._lines[at] if at < len(self._lines) else Strip.blank(width)
        return strip.adjust_cell_length(width).apply_style(self.rich_style)

    def action_scroll_by(self, lines: int) -> None:
        """Scrolls by some lines."""
        self.scroll_relative(y=lines, animate=False, force=True)

    def action_scroll_page(self, direction: int) -> None:
        """Scrolls by a page."""
        self.scroll_relative(y=direction * (self.size.height - 2), animate=False, force=True)

    def action_leave(self) -> None:
        """Goes back to the list."""
        self.post_message(self.LeftAlone())


def _two_colours(upper: Colour, lower: Colour, ground: tuple[int, int, int]) -> Style:
    """The style of a cell whose halves have those colours, laid over the ground."""
    return Style(color=_over(upper, ground), bgcolor=_over(lower, ground))


def _over(colour: Colour, ground: tuple[int, int, int]) -> Color:
    *channels, seen = colour
    mixed = (
        (own * seen + below * (255 - seen)) // 255
        for own, below in zip(channels, ground, strict=True)
    )
    return Color.from_rgb(*mixed)
