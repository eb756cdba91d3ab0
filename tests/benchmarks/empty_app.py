"""The least that a Textual app can be: what ours is measured against."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static

SAID = "empty"


class EmptyApp(App[None]):
    """Says one word."""

    def compose(self) -> ComposeResult:
        """Builds the word."""
        yield Static(SAID)


if __name__ == "__main__":
    EmptyApp().run()
