"""The log of what happened, as a person looks at it: one kind or space of it, and what is new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_tui.session import MISSED

if TYPE_CHECKING:
    from sila_tui.facts import Activity
    from sila_tui.session import Session


class ActivityView:
    """The events that pass the filter, oldest first; `pull` takes what came."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.space_id = ""
        """Only events of this space; all when it is empty."""
        self.kind = ""
        """Only events of this kind; all when it is empty."""
        self.events: list[Activity] = []
        self.new_count = 0
        """Events that came below since a person looked at the last one."""
        self._revision = -1

    @property
    def is_filtered(self) -> bool:
        """Whether anything is left out."""
        return bool(self.space_id or self.kind)

    @property
    def kinds(self) -> list[str]:
        """The kinds of everything that is kept, by name."""
        return sorted({event.kind for event in self._session.activity if event.kind != MISSED})

    def pull(self, *, at_end: bool) -> bool:
        """Takes what came, and tells whether anything did; `at_end` is whether it is seen."""
        if at_end:
            self.new_count = 0
        if self._revision == self._session.revision:
            return False
        self._revision = self._session.revision
        before = self.events[-1] if self.events else None
        self.events = [event for event in self._session.activity if self._fits(event)]
        if not at_end and before is not None:
            self.new_count += self._count_after(before)
        return True

    def next_kind(self) -> None:
        """Goes on to the next kind; all kinds follow the last one."""
        known = ["", *self.kinds]
        at = known.index(self.kind) if self.kind in known else 0
        self.kind = known[(at + 1) % len(known)]
        self._anew()

    def only_space(self, space_id: str) -> None:
        """Leaves out what is not of one space; all spaces when that is so already."""
        self.space_id = "" if self.space_id == space_id else space_id
        self._anew()

    def show_all(self) -> None:
        """Leaves nothing out."""
        self.space_id = self.kind = ""
        self._anew()

    def _anew(self) -> None:
        self._revision, self.new_count, self.events = -1, 0, []

    def _fits(self, event: Activity) -> bool:
        if event.kind == MISSED:
            # Whatever is looked for may be among what is missing.
            return True
        is_space = not self.space_id or event.space_id == self.space_id
        return is_space and (not self.kind or event.kind == self.kind)

    def _count_after(self, known: Activity) -> int:
        count = 0
        for event in reversed(self.events):
            if event is known:
                return count
            count += 1
        return count
