"""The log of what happened: what passes the filter, what is new, what is missing."""

from __future__ import annotations

from datetime import UTC

import pytest

from sila_tui.activity_view import ActivityView
from sila_tui.session import Session
from tests.tui import sample


@pytest.fixture
def session() -> Session:
    """Knows what happened lately."""
    session = Session(lambda: sample.NOW, UTC)
    session.feed_status(sample.status())
    for row in sample.events():
        session.feed_event(row)
    return session


def pulled(session: Session) -> ActivityView:
    """A view that has taken everything."""
    view = ActivityView(session)
    view.pull(at_end=True)
    return view


def more(session: Session, number: int, kind: str = "ops", space: str = sample.WORK) -> None:
    """One more event."""
    session.feed_event({"id": number, "at": sample.ms(0), "kind": kind, "space": space})


def test_kinds_follow_each_other_and_all_come_after_the_last(session: Session) -> None:
    view = pulled(session)
    seen = []
    for _ in range(5):
        seen.append((view.kind, len(view.events)))
        view.next_kind()
        view.pull(at_end=True)
    assert seen == [("", 10), ("ops", 6), ("started", 1), ("state", 3), ("", 10)]


def test_one_space_is_shown_and_then_all_again(session: Session) -> None:
    view = pulled(session)
    view.only_space(sample.WORK)
    view.pull(at_end=True)
    assert {event.space_id for event in view.events} == {sample.WORK}
    assert view.is_filtered
    view.only_space(sample.WORK)
    view.pull(at_end=True)
    assert (len(view.events), view.is_filtered) == (10, False)


def test_what_comes_is_counted_only_while_nobody_looks_at_the_end(session: Session) -> None:
    view = pulled(session)
    more(session, 11)
    assert view.pull(at_end=True)
    assert view.new_count == 0
    more(session, 12)
    more(session, 13)
    assert view.pull(at_end=False)
    assert view.new_count == 2
    assert not view.pull(at_end=False)
    assert view.new_count == 2
    view.pull(at_end=True)
    assert view.new_count == 0


def test_only_what_passes_the_filter_is_counted_as_new(session: Session) -> None:
    view = pulled(session)
    view.kind = "state"
    more(session, 11, "ops")
    view.pull(at_end=True)
    more(session, 12, "ops")
    more(session, 13, "state")
    view.pull(at_end=False)
    assert view.new_count == 1


def test_a_mark_of_missing_events_is_hidden_by_no_filter(session: Session) -> None:
    view = pulled(session)
    view.kind, view.space_id = "state", sample.WORK
    session.feed_gap("3 events missing")
    view.pull(at_end=True)
    assert [event.sentence for event in view.events] == ["3 events missing"]
    assert "missed" not in view.kinds
