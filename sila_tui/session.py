"""What the screen knows, and what follows from it. Knows neither Textual nor sockets.

The link feeds it with what the daemon says; widgets read the derived values. `revision` grows with
every change, so that a widget redraws only for a reason, and `on_change` is called at each, from
which the app makes at most ten redraws a second. The clock is passed in: a session that was fed the
same things at the same times says the same words.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import TYPE_CHECKING, Any

from sila_tui.call_log import CallLog
from sila_tui.content_news import ContentNews
from sila_tui.facts import Activity, DaemonFacts, SpaceFacts, rows
from sila_tui.memory import Memory
from sila_tui.sentences import Sentence, Sentences
from sila_tui.transfers import Transfers
from sila_tui.words import UNICODE, Symbols

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import tzinfo

ACTIVITY_COUNT_MAX = 2000
"""How many past events are kept: as many as the daemon keeps."""
MISSED = "missed"
"""The kind of the mark that stands in the activity where events are missing."""
GRAPH_MINUTES = 8
"""Bars of the small graph of each space, one a minute."""


class Connection(Enum):
    """How the screen stands with the daemon."""

    OPENING = "opening"
    """Nothing is known yet; the first answer has not come."""
    OPEN = "open"
    """What is shown is what the daemon said last, moments ago."""
    ABSENT = "absent"
    """Nobody has answered since the screen was opened."""
    LOST = "lost"
    """The daemon went away; what is shown is from then."""


class Session:
    """Everything that the screen knows about the daemon and its spaces."""

    def __init__(
        self,
        now: Callable[[], float],
        zone: tzinfo | None = None,
        symbols: Symbols = UNICODE,
        memory: Memory | None = None,
    ) -> None:
        self.now = now
        self.symbols = symbols
        self.say = Sentences(now, zone, symbols)
        """The words for states; times of day are told in `zone`, None being the machine's."""
        self.revision = 0
        self.on_change: Callable[[], None] = lambda: None
        self.connection = Connection.OPENING
        self.lost_at: float | None = None
        self.retry_at: float | None = None
        self.lost_reason = ""
        self.daemon = DaemonFacts("", 0, None)
        self.spaces: tuple[SpaceFacts, ...] = ()
        self.activity: deque[Activity] = deque(maxlen=ACTIVITY_COUNT_MAX)
        self.transfers = Transfers(now)
        self.contents = ContentNews()
        """What may have changed in the spaces."""
        self.calls = CallLog(now)
        """What the daemon was asked, for who wants to know."""
        self.memory = memory or Memory()
        """What outlives this sitting: unsent text, what was read."""

    # What the link tells.

    def feed_status(self, answer: Mapping[str, Any]) -> None:
        """Takes the answer to `daemon.status`; a repetition changes nothing."""
        spaces = tuple(SpaceFacts.read(row) for row in rows(answer.get("spaces")))
        daemon = DaemonFacts.read(answer.get("daemon"))
        is_news = (spaces, daemon) != (self.spaces, self.daemon)
        if not is_news and self.connection is Connection.OPEN:
            return
        self.spaces, self.daemon = spaces, daemon
        self.connection = Connection.OPEN
        self.lost_at = self.retry_at = None
        self._changed()

    def feed_event(self, row: Mapping[str, Any]) -> None:
        """Takes one event of the daemon's subscription."""
        event = Activity.read(row)
        self.activity.append(event)
        self.contents.note(event)
        self._changed()

    def feed_transfers(self, answer: Mapping[str, Any]) -> None:
        """Takes the answer to `transfer.list`."""
        self.transfers.feed(answer)
        self._changed()

    def feed_gap(self, said: str = "") -> None:
        """Takes that events were missed: anything may have changed. `said` goes into the log."""
        if said:
            self.activity.append(Activity(0, self.now(), MISSED, "", "", said))
        for space in self.spaces:
            self.contents.note_all(space.id)
        self._changed()

    def feed_lost(self, reason: str, retry_at: float) -> None:
        """Takes that the daemon cannot be reached, and when it will be tried again."""
        if self.connection in (Connection.OPENING, Connection.ABSENT):
            self.connection = Connection.ABSENT
        else:
            self.lost_at = self.now() if self.lost_at is None else self.lost_at
            self.connection = Connection.LOST
        self.lost_reason, self.retry_at = reason, retry_at
        self._changed()

    def _changed(self) -> None:
        self.revision += 1
        self.on_change()

    # What follows.

    def space(self, space_id: str) -> SpaceFacts | None:
        """The space with this id, if the daemon looks after it."""
        return next((space for space in self.spaces if space.id == space_id), None)

    def find_space(self, wish: str) -> SpaceFacts | None:
        """The one space that an id, a unique prefix of it, a name or a path means."""
        found = self.spaces_called(wish)
        return found[0] if len(found) == 1 else None

    def spaces_called(self, wish: str) -> list[SpaceFacts]:
        """All spaces that an id, a prefix of it, a name or a path may mean."""
        if not wish:
            return []
        exact = [space for space in self.spaces if wish in (space.id, space.name, space.path)]
        return exact or [space for space in self.spaces if space.id.startswith(wish)]

    def title_of(self, space_id: str) -> str:
        """What to call the space in a line about it."""
        space = self.space(space_id)
        return space.title if space else space_id[:8]

    @property
    def problems(self) -> list[SpaceFacts]:
        """The spaces that a person must look at, the worst first."""
        found = [space for space in self.spaces if space.state in ("broken", "needs_you")]
        return sorted(found, key=lambda space: space.state != "broken")

    @property
    def overall(self) -> Sentence:
        """Whether everything is safe, in one sentence."""
        match self.connection:
            case Connection.OPENING:
                return Sentence("unknown", "asking the daemon")
            case Connection.ABSENT:
                return Sentence("broken", "the daemon is not running")
            case Connection.LOST:
                when = self.say.time_of_day(self.lost_at or self.now())
                return Sentence("broken", f"daemon not reached since {when}")
            case Connection.OPEN:
                return self.say.overall(self.spaces)

    def graph(self, space_id: str) -> list[int]:
        """Events of the space in each of the last minutes, the newest last."""
        now, counts = self.now(), [0] * GRAPH_MINUTES
        for event in reversed(self.activity):
            minute = int((now - event.at) // 60)
            if minute >= GRAPH_MINUTES:
                break
            if event.space_id == space_id and minute >= 0:
                counts[GRAPH_MINUTES - 1 - minute] += 1
        return counts
