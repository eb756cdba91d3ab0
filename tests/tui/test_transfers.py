"""Files on their way, those that stay on the servers, and what decides about it."""

from __future__ import annotations

import re
from datetime import UTC

import pytest

from sila_daemon.core.errors import UsageError
from sila_tui.fetching import FetchPolicy, policy_of
from sila_tui.session import Session
from sila_tui.transfers import BUCKET_S, BUCKETS, Transfers
from sila_tui.words import UNICODE
from tests.tui import sample
from tests.tui.driving import driven, press, shown, until, write
from tests.tui.fake_daemon import FakeDaemon, Refused
from tests.tui.test_files_pane import opened


def fed(transfers: Transfers, moved: int, done: int) -> None:
    """An answer in which so much has arrived and is under way."""
    active = {**sample.transfers()[0], "done": done}
    transfers.feed({"transfers": [active], "totals": sample.transfer_totals(moved)[:2]})


def test_words_for_what_moves() -> None:
    transfers = Transfers(lambda: sample.NOW)
    transfers.feed({"transfers": sample.transfers(), "totals": sample.transfer_totals()})
    [way] = transfers.of_space(sample.WORK)
    assert way.sentence == "receiving"
    assert way.words(UNICODE) == "401 MB, 1 min left · 6.1 MB/s"
    crack, unknown = transfers.files_of(way)
    assert crack.words(UNICODE) == "of 214 MB · 20 s left · 6.1 MB/s"
    assert crack.share == pytest.approx(0.4486, abs=0.001)
    assert (unknown.words(UNICODE), unknown.share) == ("400 kB so far", None)
    assert transfers.name_of(unknown) == "9e9e9e9e9e9e"
    assert transfers.of_file(sample.WORK, "cc") is crack
    assert transfers.of_file(sample.WORK, "ab" * 32) is None


def test_the_graph_shows_what_was_seen_to_move() -> None:
    clock = [0.0]
    transfers = Transfers(lambda: clock[0])
    fed(transfers, 5_000_000, 100)
    assert not any(transfers.graph(sample.WORK)), "what moved before is not of these minutes"
    fed(transfers, 5_000_000, 300)
    clock[0] = 2 * BUCKET_S
    fed(transfers, 5_001_000, 0)
    assert transfers.graph(sample.WORK)[-3:] == [200, 0, 2 * 1_000 - 300]
    fed(transfers, 0, 0)
    assert transfers.graph(sample.WORK)[-1] == 1_700, "another daemon begins to count anew"
    clock[0] += BUCKETS * BUCKET_S
    assert not any(transfers.graph(sample.WORK))


def test_wrong_shapes_do_no_harm() -> None:
    session = Session(lambda: sample.NOW, UTC)
    session.feed_transfers({"transfers": [{"space": 3}, "no"], "totals": [{}, None]})
    assert session.transfers.of_space("3") == []
    assert session.transfers.active[0].share is None


@pytest.mark.parametrize(
    ("said", "policy", "words"),
    [
        (("all", "", ""), FetchPolicy(), "all files"),
        (("on demand", "30", ""), FetchPolicy(is_on_demand=True), "files on demand only"),
        (("all", "30", "10 MB"), FetchPolicy(False, 30.0, 10_000_000),
         "files not older than 30 days, up to 10 MB"),
        (("all", "0.5", "500kb"), FetchPolicy(False, 0.5, 500_000),
         "files not older than 0.5 days, up to 500 kB"),
    ],
)  # fmt: skip
def test_a_policy_is_said_and_read(
    said: tuple[str, str, str], policy: FetchPolicy, words: str
) -> None:
    found = policy_of(dict(zip(("what", "days", "size"), said, strict=True)))
    assert (found, found.words) == (policy, words)
    assert FetchPolicy.read(found.params) == policy


@pytest.mark.parametrize(
    ("days", "most"), [("0", ""), ("x", ""), ("9" * 7, ""), ("", "0"), ("", "-1 MB"), ("", "10 PB")]
)
def test_what_is_no_condition_is_refused(days: str, most: str) -> None:
    with pytest.raises(UsageError):
        policy_of({"what": "all", "days": days, "size": most})


@pytest.mark.slow
async def test_the_sync_status_follows_files(daemon: FakeDaemon) -> None:
    async with driven(daemon, (140, 36)) as (app, pilot):
        await press(pilot, "S")
        assert "receiving" not in shown(app)
        daemon.move(sample.transfers(), sample.transfer_totals())
        await until(pilot, lambda: "first crack.mp4" in shown(app))
        text = shown(app)
        for words in ("receiving", "7 files", "401 MB, 1 min left · 6.1 MB/s", "━━━━━───────",
                      "45% of 214 MB", "9e9e9e9e9e9e", "sending", "7.4 MB, 10 s left"):  # fmt: skip
            assert words in text
        # What a file is called is asked for once, even where nobody knows it.
        asked = len(daemon.called("file.list"))
        daemon.move([{**sample.transfers()[0], "done": 190_000_000}], sample.transfer_totals())
        await until(pilot, lambda: "89% of 214 MB" in shown(app))
        assert len(daemon.called("file.list")) == asked
        await until(pilot, lambda: "▆" in shown(app))
        daemon.move([], [])
        await until(pilot, lambda: "first crack.mp4" not in shown(app))
        await press(pilot, "escape")
        daemon.move(sample.transfers(), sample.transfer_totals())
        await until(pilot, lambda: "401 MB, 1 min left" in shown(app))


@pytest.mark.slow
async def test_a_file_that_is_away_is_brought_by_enter(daemon: FakeDaemon) -> None:
    async with driven(daemon, (160, 40)) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, *["j"] * 5)
        await until(pilot, lambda: "enter brings it to this machine" in shown(app))
        assert "○ away" in shown(app)
        daemon.move(sample.transfers(), sample.transfer_totals())
        await until(pilot, lambda: "◐  45%" in shown(app))
        daemon.move([], [])
        await until(pilot, lambda: "○ away" in shown(app))
        await press(pilot, "enter")
        await until(pilot, lambda: "first crack.mp4 is here" in shown(app))
        assert "○ away" not in shown(app)
        [call] = daemon.called("file.fetch")
        assert (call["path"], call["tree"]) == ("videos/first crack.mp4", sample.FILES_TREE)


@pytest.mark.slow
async def test_what_comes_by_itself_is_chosen_for_each_space(daemon: FakeDaemon) -> None:
    daemon.status["spaces"][0].update(filesAway=12, bytesAway=3_000_000_000)
    async with driven(daemon, (140, 36)) as (app, pilot):
        assert "12 files, 3.0 GB on servers only" in shown(app)
        await press(pilot, "S", "f")
        await until(pilot, lambda: "Which files of Work come here" in shown(app))
        await press(pilot, "down", "down")
        await write(pilot, "ten")
        await press(pilot, "enter")
        await until(pilot, lambda: "ten is no size" in shown(app))
        assert daemon.called("space.set_fetch") == []
        await press(pilot, "f", "down", "down")
        await write(pilot, "10 MB")
        await press(pilot, "enter")
        await until(pilot, lambda: re.search(r"fetches +files up to 10 MB", shown(app)) is not None)
        assert daemon.called("space.set_fetch") == [
            {"space": sample.WORK, "onDemand": False, "upToBytes": 10_000_000}
        ]


@pytest.mark.slow
async def test_a_daemon_that_knows_no_transfers_is_shown_all_the_same(daemon: FakeDaemon) -> None:
    daemon.refusals["transfer.list"] = Refused("unknown_method", "there is no such method")
    async with driven(daemon) as (app, pilot):
        await until(pilot, lambda: bool(daemon.called("transfer.list")))
        await press(pilot, "S")
        assert "agreed" in shown(app)
        assert len(daemon.called("transfer.list")) == 1
