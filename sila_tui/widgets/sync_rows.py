"""Who holds what: one block for each space, one line for each layer of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from sila_tui.widgets.lines import fitted, line, sides
from sila_tui.widgets.row_list import RowList
from sila_tui.widgets.transfer_rows import file_rows_of
from sila_tui.words import ago, counted, size

if TYPE_CHECKING:
    from sila_tui.facts import Remote, SpaceFacts
    from sila_tui.session import Session
    from sila_tui.theme import Palette


@dataclass(frozen=True)
class SyncRow:
    """A space, a layer of it when `layer` is set, or a gap."""

    space: SpaceFacts | None
    layer: str = ""
    state: str = ""
    holds: str = ""
    said: str = ""

    @property
    def is_space(self) -> bool:
        """Whether it is the row of a space, and not of what stands below it."""
        return self.space is not None and not (self.layer or self.holds) and bool(self.state)


def sync_rows(session: Session) -> list[SyncRow]:
    """The rows in the order of the spaces; what is owed stands with the layer it is owed to."""
    rows: list[SyncRow] = []
    for space in session.spaces:
        if rows:
            rows.append(SyncRow(None))
        holds = f"{space.ops:,} ops"
        rows.append(SyncRow(space, state=space.state, said=session.say.of_space(space)))
        rows.append(SyncRow(space, "store", "current", holds, "saved on this machine"))
        if space.path:
            rows.append(_folder_row(space, session))
        if space.held_ops:
            said = "would take much away and wait for you: a accepts, x refuses"
            holds = counted(space.held_ops, "change")
            rows.append(SyncRow(space, "held", "needs_you", holds, said))
        for remote in space.remotes:
            rows += _remote_rows(space, remote, session)
        rows += [SyncRow(space, *row) for row in file_rows_of(space, session)]
    return rows


def _remote_rows(space: SpaceFacts, remote: Remote, session: Session) -> list[SyncRow]:
    """A server: how far it is, what is owed; below it what needs somebody."""
    head = f"head {remote.server_head:,}" if remote.server_head else ""
    said = session.say.of_remote(remote)
    behind = remote.server_head - remote.head
    if behind > 0:
        said += f" {session.symbols.dot} {counted(behind, 'op')} to come"
    is_told = remote.is_only_seen and remote.state == "syncing"
    if remote.state != "current" and remote.last_ack_at and not is_told:
        at = session.say.time_of_day(remote.last_ack_at)
        said += f" {session.symbols.dot} last {'seen' if remote.is_only_seen else 'agreed'} {at}"
    rows = [SyncRow(space, remote.name, remote.state, head, said)]
    if remote.refused_ops:
        words = "o shows why and offers them again"
        holds = counted(remote.refused_ops, "op")
        rows.append(SyncRow(space, "refused", "needs_you", holds, words))
    if remote.set_aside_ops:
        words = "came and cannot be read: o shows them"
        holds = counted(remote.set_aside_ops, "op")
        rows.append(SyncRow(space, "set aside", "needs_you", holds, words))
    return rows


def _folder_row(space: SpaceFacts, session: Session) -> SyncRow:
    waits = space.folder_pending_ops
    if space.state in ("needs_you", "broken") and not space.remotes:
        return SyncRow(space, "folder", space.state, "", space.reason)
    scanned = space.folder_scanned_at
    seen = f"scanned {ago(session.now() - scanned)}" if scanned else "not scanned yet"
    if waits:
        return SyncRow(space, "folder", "syncing", f"{space.ops - waits:,} ops",
                       f"{counted(waits, 'op')} to write, {seen}")  # fmt: skip
    return SyncRow(space, "folder", "current", f"{space.ops:,} ops", f"written, {seen}")


class SyncList(RowList):
    """Draws the layers; the cursor moves from space to space."""

    BINDING_GROUP_TITLE = "Sync status"
    empty_text = "Nothing to look after yet."

    def __init__(self, session: Session) -> None:
        super().__init__("sync")
        self._session = session
        self._rows: list[SyncRow] = []

    @property
    def space(self) -> SpaceFacts | None:
        """The space under the cursor."""
        at = self.row_at_cursor
        return None if at is None else self._rows[at].space

    def pull(self) -> None:
        """Takes the rows anew; their words change with time."""
        self._rows = sync_rows(self._session)
        self.rows_changed()

    def row_count(self) -> int:
        """Gaps included."""
        return len(self._rows)

    def can_choose(self, index: int) -> bool:
        """Only spaces."""
        return self._rows[index].is_space

    def words_of(self, index: int) -> str:
        """The name of the space and what the line says."""
        row = self._rows[index]
        return f"{row.space.title if row.space else ''} {row.layer} {row.holds} {row.said}"

    def depth_of(self, index: int) -> int:
        """Layers stand below their space."""
        return 0 if self._rows[index].is_space else 1

    def row(self, index: int, width: int, look: Palette) -> Text:
        """Draws a space or one of its layers."""
        row, symbols = self._rows[index], self._session.symbols
        if row.space is None:
            return line("")
        sign = line((symbols.of_state(row.state) if row.state else " ",
                     look.of_state(row.state)), " ")  # fmt: skip
        if row.is_space:
            figures = line(
                (f"{counted(row.space.files, 'file')}, {size(row.space.size_bytes)}", look.dim)
            )
            title = Text.assemble(
                sign, line((row.space.title, look.strong), "  ", (row.said, look.text))
            )
            return sides(title, figures if row.space.files else line(""), width)
        column = max(10, min(24, width // 4))
        name = fitted(line((row.layer, look.text)), column)
        holds = fitted(line((row.holds, look.dim)), 14)
        return line("   ", sign, name, "  ", holds, "  ", (row.said, look.dim))
