"""The names of the secrets; a value is shown only when asked for, and only for a few seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_tui.widgets.lines import line, sides
from sila_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from rich.text import Text

    from sila_tui.theme import Palette

MASK = "••••••••"


class SecretList(RowList):
    """One line for each secret."""

    BINDING_GROUP_TITLE = "Secrets"
    empty_text = "No secrets. n keeps one here."

    def __init__(self) -> None:
        super().__init__("secret-list")
        self._names: list[str] = []
        self._shown: tuple[str, str] | None = None

    @property
    def name_at_cursor(self) -> str | None:
        """The name under the cursor."""
        at = self.row_at_cursor
        return None if at is None else self._names[at]

    def show(self, names: list[str]) -> None:
        """Shows names."""
        self._names = names
        self.rows_changed()

    def reveal(self, name: str, value: str) -> None:
        """Shows one value."""
        self._shown = (name, value)
        self.refresh()

    def mask(self) -> None:
        """Hides every value."""
        self._shown = None
        self.refresh()

    def row_count(self) -> int:
        """One for each name."""
        return len(self._names)

    def words_of(self, index: int) -> str:
        """The name: nobody looks for what is hidden."""
        return self._names[index]

    def row(self, index: int, width: int, look: Palette) -> Text:
        """Draws one name with its value hidden, unless it was asked for."""
        name = self._names[index]
        if self._shown is not None and self._shown[0] == name:
            value = line((self._shown[1], look.warn))
            value.truncate(max(8, width - 24), overflow="ellipsis")
        else:
            value = line((MASK, look.dim))
        return sides(line((name, look.text)), value, width)
