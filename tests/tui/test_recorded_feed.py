"""What the screen knows after what a real daemon said: a recording, fed to the session alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

import pytest

from sila_tui.session import Connection, Session
from tests.tui.record_feed import RECORDING


@dataclass
class Replay:
    """A session that goes through the recording, at the times of the recording."""

    at: float = 0.0
    states: list[str] = field(default_factory=list)
    """The states that the space was in, as far as statuses were asked for."""

    def __post_init__(self) -> None:
        self.session = Session(lambda: self.at, UTC)
        self._lines = [json.loads(line) for line in RECORDING.read_text("utf-8").splitlines()]

    def until(self, step: str | None) -> Session:
        """Feeds what came before a step begins; everything without one."""
        while self._lines:
            line = self._lines[0]
            if step is not None and line.get("step") == step:
                break
            self._feed(self._lines.pop(0))
        return self.session

    def _feed(self, line: dict[str, Any]) -> None:
        self.at = line["at"]
        if "event" in line:
            self.session.feed_event(line["event"])
        elif "status" in line:
            self.session.feed_status(line["status"])
            self.states += [space.state for space in self.session.spaces]


@pytest.fixture
def replay() -> Replay:
    return Replay()


def test_a_space_that_is_added_is_known_by_its_name_and_said_to_be_saved(replay: Replay) -> None:
    session = replay.until("sync")
    assert session.connection is Connection.OPEN
    [space] = session.spaces
    assert session.find_space("Roastery notebook") == space
    assert session.find_space("/home/anna/Sample") == space
    assert session.title_of(space.id) == "Roastery notebook"
    assert (space.trees, space.ops, space.files) == (5, 238, 6)
    assert session.overall.state == "current"
    assert "all saved here" in session.overall.words and session.problems == []


def test_what_is_written_makes_contents_suspect_and_is_counted(replay: Replay) -> None:
    session = replay.until("chat")
    [space] = session.spaces
    before, revision = session.contents.space(space.id), session.revision
    session = replay.until("pause")
    [after] = session.spaces
    assert session.contents.space(space.id) >= before + 3
    assert session.revision > revision
    assert (after.trees, after.ops) == (space.trees + 1, space.ops + 30)
    written = [event for event in session.activity if event.kind == "ops"]
    assert len(written) == 4 and "5 ops" in written[-1].sentence
    assert sum(session.graph(space.id)) == sum(
        event.space_id == space.id for event in session.activity
    )


def test_a_pause_is_said_and_ends(replay: Replay) -> None:
    assert replay.until("resume").overall.state == "paused"
    assert "paused for a while" in replay.session.overall.words
    assert replay.until("remove").overall.state == "current"
    session = replay.until(None)
    assert session.spaces == () and session.overall.state == "unknown"
    assert replay.states == ["current"] * 5 + ["paused", "current"]


def test_the_same_again_is_no_news(replay: Replay) -> None:
    session = replay.until(None)
    changes: list[int] = []
    session.on_change = lambda: changes.append(session.revision)
    again = Replay()
    last = [line for line in again._lines if "status" in line][-1]
    session.feed_status(last["status"])
    assert changes == []


def test_a_lost_daemon_leaves_what_was_known(replay: Replay) -> None:
    session = replay.until("pause")
    spaces = session.spaces
    session.feed_lost("it is gone", replay.at + 1)
    assert (session.connection, session.spaces) == (Connection.LOST, spaces)
    assert "daemon not reached since" in session.overall.words
    replay.until("remove")
    assert session.connection is Connection.OPEN and session.lost_at is None
