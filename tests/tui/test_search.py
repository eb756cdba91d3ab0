"""Searching everything: what is asked, what is shown, and where a hit leads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sila_daemon.core.errors import StorageError
from sila_tui.search import Search, SearchHit
from tests.tui import sample
from tests.tui.driving import driven, press, shown, until, write
from tests.tui.fake_daemon import Refused

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from sila_tui.app import SilaApp
    from tests.tui.fake_daemon import FakeDaemon

pytestmark = pytest.mark.slow


class Asked:
    """A link that answers from a list, and what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.calls: list[dict[str, Any]] = []
        self._answers = list(answers)

    async def call(self, method: str, /, **params: Any) -> Any:
        """Gives the next answer."""
        assert method == "space.search"
        self.calls.append(params)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def hit(kind: str, text: str = "a dough", **more: Any) -> dict[str, Any]:
    return {"tree": "t", "treeName": "T", "vertex": text, "kind": kind, "key": "k", "path": "",
            "excerpt": text, "match": [2, 5], "refers": None, "created": 1, **more}  # fmt: skip


def answer(*hits: dict[str, Any], searched: int = 9, more: Any = None) -> dict[str, Any]:
    return {"hits": list(hits), "next": more, "searched": searched, "ops": 9}


async def test_spaces_are_asked_until_all_is_searched() -> None:
    link = Asked(answer(hit("name"), searched=3), answer(hit("name"), hit("message"), more=4))
    search, seen = Search(link), []  # type: ignore[arg-type]
    await search.find(" dough ", ["a"], lambda: seen.append((search.found, search.searched_share)))
    assert [call["query"] for call in link.calls] == ["dough", "dough"]
    assert seen == [(1, 3 / 9), (2, 1.0), (2, 1.0)]
    assert search.has_more and not search.is_asking
    await search.find("d", ["a"], lambda: None)
    assert search.found == 0 and len(link.calls) == 2, "one letter is not asked for"


async def test_hits_stand_below_the_heading_of_their_kind() -> None:
    link = Asked(
        answer(hit("message"), hit("property"), hit("name", "x dough")), answer(hit("file"))
    )
    search = Search(link)  # type: ignore[arg-type]
    await search.find("dough", ["a", "b"], lambda: None)
    rows = [row.kind if isinstance(row, SearchHit) else row for row in search.listed()]
    assert rows == [
        "Names  1", "name", "", "Files  1", "file", "", "Messages  1", "message", "",
        "Other text  1", "property",
    ]  # fmt: skip
    found = next(row for row in search.listed() if isinstance(row, SearchHit))
    assert (found.before, found.match, found.after) == ("x ", "dough", "")


def test_places_are_told_as_people_know_them() -> None:
    def place(kind: str, **row: Any) -> str:
        return SearchHit.read("s", hit(kind, **row)).place_in("Work")

    assert place("file", treeName=None, path="files/recipes") == "Work/recipes"
    assert place("file", treeName=None, path="files") == "Work"
    assert place("message") == "Work/T"
    assert place("name", tree="s", treeName="Work", path="threads") == "Work/threads"
    assert place("property", tree="0123456789", treeName=None) == "Work/01234567"


async def test_a_daemon_that_refuses_is_told() -> None:
    search = Search(Asked(StorageError("the disk is gone")))  # type: ignore[arg-type]
    await search.find("dough", ["a"], lambda: None)
    assert (search.trouble, search.found, search.is_asking) == ("the disk is gone", 0, False)


async def look_for(app: SilaApp, pilot: Pilot[None], words: str, seen: str) -> None:
    await press(pilot, "ctrl+f")
    await write(pilot, words)
    await until(pilot, lambda: seen in shown(app))


async def test_a_message_is_found_and_opened(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await look_for(app, pilot, "rest", "Messages")
        text = shown(app)
        assert "sila › Search" in text and "found" in text
        await until(pilot, lambda: "How long do I rest" in shown(app))
        await press(pilot, "enter")
        await until(pilot, lambda: "sila › Work ›" in shown(app))
        await press(pilot, "y")
        assert "rest" in app.clipboard
        await press(pilot, "escape", "escape")
        assert "sila › Search" in shown(app), "one comes back to what was found"


async def test_names_lead_to_chats_files_to_the_list_and_values_to_the_tree(
    daemon: FakeDaemon,
) -> None:
    title = next(row["title"] for row in sample.CHATS if row["tree"] == sample.COFFEE)
    name = daemon.files[-1]["path"].rpartition("/")[2]
    async with driven(daemon) as (app, pilot):
        await look_for(app, pilot, title.split()[0].lower(), "Names")
        await press(pilot, "enter")
        await until(pilot, lambda: f"sila › Work › {title}" in shown(app))
        await press(pilot, "escape", "escape", "escape")
        await look_for(app, pilot, name.lower(), "Files  1")
        await press(pilot, "enter")
        await until(pilot, lambda: "sila › Work › Files" in shown(app))
        await press(pilot, "escape", "escape", "escape")
        daemon.vertices[sample.WORK]["v-configs"]["properties"]["note"] = "zebra crossing"
        await look_for(app, pilot, "zebra", "Other text")
        await press(pilot, "enter")
        await until(pilot, lambda: "zebra crossing" in shown(app) and "configs" in shown(app))
        assert "note" in shown(app)


async def test_what_is_gone_meanwhile_is_told(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        daemon.vertices[sample.WORK]["v-configs"]["properties"]["note"] = "zebra crossing"
        await look_for(app, pilot, "zebra", "Other text")
        del daemon.vertices[sample.WORK]["v-configs"]
        await press(pilot, "enter")
        await until(pilot, lambda: "sila › Work ›" in shown(app))
        await until(pilot, lambda: "there is no vertex v-configs" in shown(app))
        assert "zebra" not in shown(app)


async def test_nothing_found_and_a_refusal_are_told(daemon: FakeDaemon) -> None:
    async with driven(daemon, (80, 24)) as (app, pilot):
        await look_for(app, pilot, "qqqq", "Nothing has these words.")
        assert "0 found" in shown(app)
        daemon.refusals["space.search"] = Refused("storage", "the disk is gone", "look at it", 7)
        await write(pilot, "q")
        await until(pilot, lambda: "the disk is gone" in shown(app))
        assert "found" not in shown(app), "nobody can say that there is nothing"
