"""Editing a raw tree by keys, and taking it back."""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import UsageError
from sila_tui import tree_edits
from sila_tui.contents import VertexFacts
from sila_tui.sentences import Sentences
from sila_tui.vertex_copy import copy_forms
from sila_tui.widgets.vertex_details import placing_words
from sila_tui.words import ASCII
from tests.tui import sample
from tests.tui.driving import driven, press, shown, until, write
from tests.tui.fake_daemon import FakeDaemon, Refused

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from sila_tui.app import SilaApp

pytestmark = pytest.mark.slow


async def in_space_tree(app: SilaApp, pilot: Pilot[None]) -> None:
    """Opens the raw space tree with the cursor on its root."""
    await press(pilot, "enter")
    await until(pilot, lambda: "How long do I rest" in shown(app))
    await press(pilot, "G", "enter", "j", "enter")
    await until(pilot, lambda: "configs" in shown(app))


async def test_a_vertex_is_made_renamed_deleted_and_all_taken_back(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await in_space_tree(app, pilot)
        tree = daemon.vertices[sample.WORK]
        await press(pilot, "n")
        await write(pilot, "shelf")
        await press(pilot, "enter")
        await until(pilot, lambda: "Made shelf" in shown(app))
        [made] = [key for key, row in tree.items() if row["properties"].get("name") == "shelf"]
        assert tree[made]["parent"] == sample.WORK

        await press(pilot, "j")
        await until(pilot, lambda: "v-configs" in shown(app))
        await press(pilot, "d")
        await until(pilot, lambda: "Deleted configs" in shown(app))
        assert tree["v-configs"]["parent"] == "0"
        await press(pilot, "u")
        await until(pilot, lambda: "Undone: deleted configs" in shown(app))
        assert tree["v-configs"]["parent"] == sample.WORK
        await press(pilot, "u")
        await until(pilot, lambda: "Undone: made shelf" in shown(app))
        assert tree[made]["parent"] == "0"
        await press(pilot, "u")
        await until(pilot, lambda: "nothing to undo" in shown(app))


async def test_it_is_told_who_made_and_moved_a_vertex_and_set_a_property(
    daemon: FakeDaemon,
) -> None:
    async with driven(daemon) as (app, pilot):
        await in_space_tree(app, pilot)
        await press(pilot, "j")
        await until(pilot, lambda: "by a1b2c3d4, op 1,204" in shown(app))
        assert "moved by" not in shown(app)
        await press(pilot, "tab")
        await until(pilot, lambda: "_c set by a1b2c3d4, op 1,204" in shown(app))
        await press(pilot, "j")
        await until(pilot, lambda: "name set by laptop, op 12,480" in shown(app))
        await press(pilot, "shift+tab", "d")
        await until(pilot, lambda: "Deleted configs" in shown(app))
        await press(pilot, "G", "enter", "G", "k")
        await until(pilot, lambda: "deleted by laptop, op 12,480" in shown(app))
        assert "moved by" not in shown(app), "a deletion is no move to a person"


async def test_id_path_and_json_of_a_vertex_are_copied(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await in_space_tree(app, pilot)
        await press(pilot, "j", "Y")
        assert "Copy what of configs?" in shown(app)
        await press(pilot, "enter")
        await until(pilot, lambda: "Path copied by" in shown(app))
        assert app.clipboard == "Work/configs"
        await press(pilot, "Y", "j", "enter")
        await until(pilot, lambda: "JSON copied by" in shown(app))
        properties = daemon.vertices[sample.WORK]["v-configs"]["properties"]
        expected = {"id": "v-configs", "parent": sample.WORK, "properties": properties}
        assert json.loads(app.clipboard) == expected
        await press(pilot, "Y", "escape")
        assert json.loads(app.clipboard) == expected, "who thinks better of it copies nothing"
        await press(pilot, "y")
        await until(pilot, lambda: "Id copied by" in shown(app))
        assert app.clipboard == "v-configs"


def test_half_an_emoji_is_copied_as_json_in_ascii() -> None:
    row = {"id": "v", "path": "/v", "parent": "", "properties": {"é": "\ud83d"}}
    forms = dict(copy_forms(VertexFacts.read(row)))
    assert forms["JSON"].isascii()
    assert json.loads(forms["JSON"])["properties"] == {"é": "\ud83d"}
    whole = {**row, "properties": {"é": "🙂"}}
    assert "🙂" in dict(copy_forms(VertexFacts.read(whole)))["JSON"]


async def test_what_is_not_known_of_a_vertex_is_left_out() -> None:
    say = Sentences(lambda: 0.0, UTC, ASCII)
    row = {"id": "v", "properties": {"a": 1}, "authors": {"a": {"peer": ""}, "b": 7}, "placed": 3}
    bare = VertexFacts.read(row)
    assert placing_words(bare, say) == ""
    assert bare.authors == {}
    placed = VertexFacts.read({**row, "placed": {"peer": "p" * 32, "counter": 7}})
    assert placing_words(placed, say) == "made by pppppppp, op 7"


async def test_properties_are_edited_with_their_type(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await in_space_tree(app, pilot)
        properties = daemon.vertices[sample.WORK][sample.WORK]["properties"]
        await press(pilot, "tab")
        await press(pilot, "G", "e")
        await until(pilot, lambda: "version of Work" in shown(app))
        await write(pilot, "0")
        await press(pilot, "enter")
        await until(pilot, lambda: properties["version"] == "0")
        await press(pilot, "n")
        await write(pilot, "size")
        await press(pilot, "enter")
        await write(pilot, "[1, 2]")
        await press(pilot, "down", *["backspace"] * 4)
        await write(pilot, "json")
        await press(pilot, "enter")
        await until(pilot, lambda: properties.get("size") == [1, 2])
        await press(pilot, "u", "u")
        await until(pilot, lambda: "size" not in properties and properties["version"] != "0")
        assert properties["version"] == "1"


async def test_a_vertex_is_moved_by_cut_and_paste(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await in_space_tree(app, pilot)
        tree = daemon.vertices[sample.WORK]
        await press(pilot, "j", "x", "j", "p")
        await until(pilot, lambda: "Moved configs under threads" in shown(app))
        assert tree["v-configs"]["parent"] == tree["v-projects"]["parent"]
        await press(pilot, "u")
        await until(pilot, lambda: tree["v-configs"]["parent"] == sample.WORK)


async def test_what_is_in_the_trash_is_restored(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await in_space_tree(app, pilot)
        await press(pilot, "G", "enter", "j")
        await until(pilot, lambda: "to be deleted" in shown(app))
        await press(pilot, "r")
        await until(pilot, lambda: "Restored to be deleted" in shown(app))
        assert daemon.vertices[sample.WORK]["v-gone"]["parent"] == sample.WORK


async def test_a_refused_edit_is_told_and_is_nothing_to_undo(daemon: FakeDaemon) -> None:
    daemon.refusals["edit.apply"] = Refused("storage_full", "the disk is full", "make room", 7)
    async with driven(daemon) as (app, pilot):
        await in_space_tree(app, pilot)
        await press(pilot, "j", "d")
        await until(pilot, lambda: "the disk is full" in shown(app))
        assert daemon.vertices[sample.WORK]["v-configs"]["parent"] == sample.WORK
        await press(pilot, "u")
        await until(pilot, lambda: "nothing to undo" in shown(app))
        assert "Undone" not in shown(app)


def test_values_keep_their_kind() -> None:
    for value in ("12", "", "ä\nb", 12, None, True, [1, {"a": "b"}]):
        assert tree_edits.from_text(*tree_edits.as_text(value)) == value
    with pytest.raises(UsageError, match="is not JSON"):
        tree_edits.from_text("{", "json")
