"""What waits for each layer of a space, and every op that needs somebody, with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_tui.widgets.lines import fitted, line, sides
from sila_tui.widgets.row_list import RowList
from sila_tui.words import counted

if TYPE_CHECKING:
    from rich.text import Text

    from sila_tui.outbox import Outbox, TroubledOp, Waiting
    from sila_tui.session import Session
    from sila_tui.theme import Palette


@dataclass(frozen=True)
class OutboxRow:
    """A layer, an op, the reason of the op above it, a heading, or a gap."""

    layer: Waiting | None = None
    op: TroubledOp | None = None
    words: str = ""


def outbox_rows(outbox: Outbox) -> list[OutboxRow]:
    """The layers first, then the ops with a line for each reason."""
    rows = [OutboxRow(layer=layer) for layer in outbox.waiting]
    if outbox.ops:
        rows += [OutboxRow(), OutboxRow(words="Needs you")]
    for op in outbox.ops:
        rows += [OutboxRow(op=op), OutboxRow(words=f"  {op.reason}")]
    if outbox.more:
        rows.append(OutboxRow(words=f"and {counted(outbox.more, 'op')} more: e writes them all"))
    return rows


class OutboxList(RowList):
    """Draws the layers and the ops; the cursor moves from op to op."""

    BINDING_GROUP_TITLE = "What waits"
    empty_text = "Nothing waits: every layer has everything."

    def __init__(self, session: Session) -> None:
        super().__init__("outbox")
        self._session = session
        self._rows: list[OutboxRow] = []

    @property
    def op(self) -> TroubledOp | None:
        """The op under the cursor."""
        at = self.row_at_cursor
        return None if at is None else self._rows[at].op

    def show(self, outbox: Outbox) -> None:
        """Shows another state."""
        self._rows = outbox_rows(outbox)
        self.rows_changed()

    def row_count(self) -> int:
        """Headings and reasons included."""
        return len(self._rows)

    def can_choose(self, index: int) -> bool:
        """Only ops lead somewhere."""
        return self._rows[index].op is not None

    def row(self, index: int, width: int, look: Palette) -> Text:
        """Draws one row."""
        row, say = self._rows[index], self._session.say
        if row.layer is not None:
            layer = row.layer
            sign = (self.symbols.of_state(layer.state), look.of_state(layer.state))
            name = fitted(line((layer.layer, look.strong)), max(10, min(24, width // 4)))
            since = f"since {say.time_of_day(layer.oldest_at)}" if layer.oldest_at else ""
            said = "  ".join(part for part in (layer.owed, layer.reason) if part)
            return sides(
                line(sign, " ", name, "  ", (said, look.text)), line((since, look.dim)), width
            )
        if row.op is not None:
            op = row.op
            left = line((f"{self.symbols.needs_you} ", look.warn), (op.title, look.text))
            right = line((f"{op.code}  {say.time_of_day(op.at)}", look.dim))
            return sides(left, right, width)
        is_heading = not row.words.startswith(" ")
        return line((row.words, look.strong if is_heading else look.dim))
