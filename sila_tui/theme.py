"""The four looks of the screen and the styles that lines are drawn with.

One accent for what is chosen, green, yellow and red for states only, and two shades of grey. Every
text colour of the first three has a contrast of at least 4.5 to 1 against its background. The last
one has the terminal's own sixteen colours: on its ground, whatever that is, so that bold, faint and
reversed text do what shades of grey do elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from rich.style import Style
from textual.theme import Theme

DARK = Theme(
    name="sila-dark",
    dark=True,
    primary="#8fb0ff",
    secondary="#8fb0ff",
    accent="#8fb0ff",
    foreground="#d9dce3",
    background="#15171c",
    surface="#15171c",
    panel="#1d2027",
    success="#93c47d",
    warning="#e2b659",
    error="#ef7a82",
    variables={
        "border": "#343945",
        "field": "#2a2f39",
        "chosen": "#262a33",
        "dim": "#949ba8",
        "scrollbar": "#343945",
        "scrollbar-hover": "#4a5060",
        "scrollbar-active": "#8fb0ff",
        "scrollbar-background": "#15171c",
        "scrollbar-background-hover": "#15171c",
        "scrollbar-background-active": "#15171c",
        "scrollbar-corner-color": "#15171c",
    },
)

LIGHT = Theme(
    name="sila-light",
    dark=False,
    primary="#2b56c6",
    secondary="#2b56c6",
    accent="#2b56c6",
    foreground="#22262e",
    background="#fbfbf9",
    surface="#fbfbf9",
    panel="#f1f1ed",
    success="#2f7031",
    warning="#8a5a00",
    error="#b3262f",
    variables={
        "border": "#d2d3cd",
        "field": "#e4e5e0",
        "chosen": "#e3e6ee",
        "dim": "#62676f",
        "scrollbar": "#d2d3cd",
        "scrollbar-hover": "#b9bab4",
        "scrollbar-active": "#2b56c6",
        "scrollbar-background": "#fbfbf9",
        "scrollbar-background-hover": "#fbfbf9",
        "scrollbar-background-active": "#fbfbf9",
        "scrollbar-corner-color": "#fbfbf9",
    },
)

CONTRAST = Theme(
    name="sila-contrast",
    dark=True,
    primary="#7fd4ff",
    secondary="#7fd4ff",
    accent="#7fd4ff",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#101010",
    success="#5dff5d",
    warning="#ffe14d",
    error="#ff8080",
    variables={
        "border": "#a8a8a8",
        "field": "#303030",
        "chosen": "#00406b",
        "dim": "#d4d4d4",
        "scrollbar": "#a8a8a8",
        "scrollbar-hover": "#ffffff",
        "scrollbar-active": "#7fd4ff",
        "scrollbar-background": "#000000",
        "scrollbar-background-hover": "#000000",
        "scrollbar-background-active": "#000000",
        "scrollbar-corner-color": "#000000",
    },
)

TERMINAL = Theme(
    name="sila-terminal",
    dark=True,
    ansi=True,
    primary="ansi_blue",
    secondary="ansi_blue",
    accent="ansi_blue",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    variables={
        # Some schemes make bright black the ground itself: lines may vanish in it, text may not.
        "ansi-background": "ansi_black",
        "ansi-foreground": "ansi_white",
        "border": "ansi_bright_black",
        "field": "ansi_default",
        "chosen": "ansi_default",
        "dim": "ansi_default",
        "scrollbar": "ansi_bright_black",
        "scrollbar-hover": "ansi_blue",
        "scrollbar-active": "ansi_blue",
        "scrollbar-background": "ansi_default",
        "scrollbar-background-hover": "ansi_default",
        "scrollbar-background-active": "ansi_default",
        "scrollbar-corner-color": "ansi_default",
        "input-cursor-foreground": "ansi_default",
        "input-cursor-background": "ansi_default",
        "input-cursor-text-style": "reverse",
        "block-cursor-foreground": "ansi_default",
        "block-cursor-background": "ansi_default",
        "block-cursor-text-style": "reverse",
    },
)

THEMES = (DARK, LIGHT, CONTRAST, TERMINAL)


@dataclass(frozen=True)
class Palette:
    """The styles of drawn lines, by what they mean."""

    text: Style
    strong: Style
    dim: Style
    faint: Style
    accent: Style
    good: Style
    warn: Style
    bad: Style
    chosen: Style
    """Laid over the line under the cursor of the focused pane."""
    chosen_elsewhere: Style
    """The same in a pane that is not focused."""
    marked: Style
    """Laid over words that were looked for."""
    code: Style
    code_theme: str
    """What Rich colours program text with."""

    def of_state(self, state: str) -> Style:
        """The style for the sign of a state; the sign and the words say it too."""
        return {
            "current": self.good,
            "syncing": self.accent,
            "needs_you": self.warn,
            "broken": self.bad,
        }.get(state, self.dim)


@cache
def palette(name: str) -> Palette:
    """The styles of the theme of that name; of the dark one when it is none of ours."""
    if name == TERMINAL.name:
        return _TERMINAL
    theme = next((theme for theme in THEMES if theme.name == name), DARK)
    dim = theme.variables["dim"]
    return Palette(
        text=Style(color=theme.foreground),
        strong=Style(color=theme.foreground, bold=True),
        dim=Style(color=dim),
        faint=Style(color=theme.variables["border"]),
        accent=Style(color=theme.accent),
        good=Style(color=theme.success),
        warn=Style(color=theme.warning),
        bad=Style(color=theme.error),
        chosen=Style(bgcolor=theme.variables["chosen"]),
        chosen_elsewhere=Style(bgcolor=theme.panel),
        marked=Style(bgcolor=theme.variables["field"], underline=True),
        code=Style(color=theme.foreground, bgcolor=theme.panel),
        code_theme="nord" if theme.dark else "vs",
    )


_TERMINAL = Palette(
    text=Style(),
    strong=Style(bold=True),
    dim=Style(dim=True),
    faint=Style(dim=True),
    accent=Style(color="blue"),
    good=Style(color="green"),
    warn=Style(color="yellow"),
    bad=Style(color="red"),
    chosen=Style(reverse=True),
    chosen_elsewhere=Style(underline=True),
    marked=Style(reverse=True),
    code=Style(),
    code_theme="ansi_light",
)
