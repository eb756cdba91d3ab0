"""What the screen knows, from recorded answers and events."""

from __future__ import annotations

from datetime import UTC

import pytest

from sila_tui.plain import plain_lines
from sila_tui.session import ACTIVITY_COUNT_MAX, Connection, Session
from tests.tui import sample


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.at = sample.NOW

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def session(clock: Clock) -> Session:
    return Session(clock, UTC)


def only(session: Session, index: int) -> Session:
    status = sample.status()
    status["spaces"] = [status["spaces"][index]]
    session.feed_status(status)
    return session


@pytest.mark.parametrize(
    ("index", "state", "words"),
    [
        (0, "current", "all safe · agreed with 2 servers 40 s ago"),
        (1, "syncing", "Home: sending 120 ops · 3 files"),
        (2, "offline", "Team: team.example not reached since 12:32; 12 ops wait"),
        (3, "needs_you", "Old notes: folder missing: is the disk plugged in?"),
        (4, "paused", "Letters: paused until 18:00"),
    ],
)
def test_every_state_in_words(session: Session, index: int, state: str, words: str) -> None:
    said = only(session, index).overall
    assert (said.state, said.words) == (state, words)


def test_the_server_that_is_away_is_named_not_one_that_lags_behind(session: Session) -> None:
    status = sample.status()
    (team,) = status["spaces"] = [status["spaces"][2]]
    team["remotes"].insert(0, sample.remote("https://near.example", "syncing", pendingOps=1))
    session.feed_status(status)
    assert session.overall.words.startswith("Team: team.example not reached since")


def test_the_worst_space_speaks_and_the_others_are_counted(session: Session) -> None:
    session.feed_status(sample.status())
    assert session.overall.state == "needs_you"
    assert session.overall.words.endswith("· 3 more")
    assert [space.title for space in session.problems] == ["Old notes"]


def test_safe_is_never_said_of_what_nobody_knows(session: Session) -> None:
    assert session.overall.words == "asking the daemon"
    session.feed_status({"spaces": [{"id": "x", "name": "New", "state": "brilliant"}]})
    assert (session.overall.state, "safe" in session.overall.words) == ("unknown", False)


def test_a_space_without_a_server_is_not_called_safe(session: Session) -> None:
    session.feed_status({"spaces": [sample.space("s", "Solo", "/s", "current")]})
    assert session.overall.words == "all saved here · no server holds a copy"
    status = sample.status()
    status["spaces"] = [status["spaces"][0], sample.space("s", "Solo", "/s", "current")]
    session.feed_status(status)
    assert session.overall.words.endswith("· 1 space only here")


def test_the_age_of_the_agreement_grows_by_itself(session: Session, clock: Clock) -> None:
    only(session, 0)
    clock.at += 60
    assert session.overall.words == "all safe · agreed with 2 servers 1 min ago"


def test_a_lost_daemon_is_told_with_the_time_and_not_called_safe(
    session: Session, clock: Clock
) -> None:
    only(session, 0)
    session.feed_lost("gone", clock.at + 1)
    clock.at += 300
    session.feed_lost("gone", clock.at + 5)
    assert session.connection.value == "lost"
    assert session.overall.words == "daemon not reached since 14:32"
    assert len(session.spaces) == 1
    only(session, 0)
    assert session.connection.value == "open"
    assert session.lost_at is None


def test_a_daemon_that_never_answered_is_absent(session: Session) -> None:
    session.feed_lost("nobody there", sample.NOW + 1)
    session.feed_lost("nobody there", sample.NOW + 1)
    assert session.connection is Connection.ABSENT
    assert session.overall.words == "the daemon is not running"


def test_news_are_counted_and_repetitions_are_not(session: Session) -> None:
    told: list[int] = []
    session.on_change = lambda: told.append(session.revision)
    session.feed_status(sample.status())
    session.feed_status(sample.status())
    assert told == [1]
    session.feed_event(sample.events()[0])
    assert told == [1, 2]


def test_events_change_the_contents_of_their_space_only(session: Session) -> None:
    session.feed_status(sample.status())
    contents, spaces = session.contents, [space.id for space in session.spaces]
    session.feed_event({"id": 1, "at": sample.ms(0), "kind": "edit", "space": sample.WORK})
    assert [contents.space(space) for space in spaces] == [1, 0, 0, 0, 0]
    session.feed_gap()
    assert [contents.space(space) for space in spaces] == [2, 1, 1, 1, 1]


def test_ops_change_the_trees_that_they_are_in(session: Session) -> None:
    session.feed_status(sample.status())

    def seen() -> tuple[int, int]:
        return session.contents.tree(sample.WORK, "a"), session.contents.tree(sample.WORK, "b")

    event = {"id": 1, "at": sample.ms(0), "space": sample.WORK}
    session.feed_event({**event, "kind": "ops", "trees": ["a"]})
    assert seen() == (1, 0)
    session.feed_event({**event, "kind": "state", "state": "current"})
    session.feed_event({**event, "kind": "transfers", "active": True})
    session.feed_event({**event, "kind": "ops", "trees": ["a"], "space": "elsewhere"})
    assert seen() == (1, 0)
    session.feed_event({**event, "kind": "rebuilt"})
    assert seen() == (2, 1)
    session.feed_event({**event, "kind": "ops"})
    assert seen() == (3, 2)
    session.feed_gap()
    assert seen() == (4, 3)


def test_activity_is_bounded_and_drawn_by_the_minute(session: Session) -> None:
    for row in sample.events():
        session.feed_event(row)
    assert session.graph(sample.WORK) == [0, 0, 1, 0, 0, 0, 1, 1]
    for at in range(ACTIVITY_COUNT_MAX + 10):
        session.feed_event({"id": at, "at": sample.ms(0), "kind": "edit"})
    assert len(session.activity) == ACTIVITY_COUNT_MAX


def test_spaces_are_found_by_id_prefix_name_and_path(session: Session) -> None:
    session.feed_status(sample.status())
    wishes = [sample.WORK, sample.WORK[:4], "Work", "/home/ana/Sila/Work"]
    found = [session.find_space(wish) for wish in wishes]
    assert [space.title if space else "" for space in found] == ["Work"] * 4
    assert session.find_space("") is None
    assert session.find_space("nothing") is None


def test_a_remote_tells_what_is_owed_since_when_and_the_next_attempt(session: Session) -> None:
    session.feed_status(sample.status())
    remote = session.spaces[2].remotes[0]
    said = session.say.of_remote(remote)
    assert said == "nothing listens there · 12 ops to send since 12:37 · retry in 8 s"


def test_a_server_that_confirms_nothing_is_told_of_as_what_was_seen(session: Session) -> None:
    status = sample.status()
    there = sample.remote(
        "https://old.example", "syncing", assurance="seen", unsupported=["files", "secrets"],
        reason="everything was seen there, which this kind of server never confirms",
    )  # fmt: skip
    space = status["spaces"][0]
    space.update(state="syncing", reason=f"old: {there['reason']}", remotes=[there])
    said = []
    for facts in ({}, {"pendingOps": 5, "unconfirmedOps": 5}, {"pendingOps": 7}):
        there.update(facts)
        session.feed_status(status)
        said.append(session.say.of_remote(session.spaces[0].remotes[0]))
    assert said == [
        "all seen there 12 s ago, never confirmed · no files and secrets there",
        "5 ops sent, not seen there yet · no files and secrets there",
        "sending 2 ops · no files and secrets there",
    ]
    there.update(pendingOps=5)
    session.feed_status(status)
    assert session.say.of_space(session.spaces[0]).startswith("old: everything was seen there")


def test_plain_lines_say_what_the_home_screen_says(session: Session) -> None:
    session.feed_status(sample.status())
    text = "\n".join(plain_lines(session, sample.HOME))
    assert session.overall.words in text
    for space in session.spaces:
        assert f"{space.title}: {session.say.of_space(space)}" in text
    assert "~/Sila/Work · 12,480 ops · 33 trees · 1,204 files, 3.1 GB" in text
    assert "daemon space create" in "\n".join(plain_lines(Session(lambda: 0.0), ""))
