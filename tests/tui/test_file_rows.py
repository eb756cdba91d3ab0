"""Files below their folders, and edits of them as steps that can be undone."""

from __future__ import annotations

import pytest

from sila_daemon.core.errors import UsageError
from sila_tui import file_edits
from sila_tui.file_rows import FileRow, file_rows
from sila_tui.files import SpaceFiles
from tests.tui import fake_files, sample

TREE = sample.FILES_TREE
KNOWN = SpaceFiles.read(fake_files.listed(sample.vertices()))


def rows(folded: frozenset[str] = frozenset(), known: SpaceFiles = KNOWN) -> list[FileRow]:
    """The rows of the sample."""
    return file_rows(known, {TREE: "files", "t": "Coffee"}, folded, {TREE})


def row(title: str) -> FileRow:
    """One row by its title."""
    [found] = [each for each in rows() if each.title == title]
    return found


def test_folders_come_first_and_empty_ones_are_there() -> None:
    assert [(each.depth, each.title) for each in rows()] == [
        (0, "recipes"), (1, "cold brew"), (1, "espresso.md"), (1, "filter.md"),
        (0, "videos"), (1, "first crack.mp4"),
        (0, "curve.png"), (0, "grind.py"), (0, "invoice.pdf"), (0, "roasts.json"),
    ]  # fmt: skip


def test_a_folded_folder_tells_how_much_is_in_it() -> None:
    found = rows(frozenset(["recipes"]))
    assert [each.title for each in found][:2] == ["recipes", "videos"]
    assert (found[0].count, found[0].is_open) == (2, False)


def test_several_trees_have_a_heading_each_and_empty_chats_none() -> None:
    folder, file = {"tree": "t", "vertex": "a", "path": ""}, {"tree": "t", "vertex": "b"}
    more = SpaceFiles.read(
        {"files": [{**file, "path": "bean.jpg"}],
         "folders": [folder, {"tree": "u", "vertex": "c", "path": ""}]}
    )  # fmt: skip
    known = SpaceFiles(KNOWN.files + more.files, KNOWN.folders + more.folders)
    found = rows(known=known)
    headings = [(each.title, each.is_top, each.count) for each in found if not each.depth]
    assert headings == [("files", True, 7), ("Coffee", True, 1)]
    assert found[-1].title == "bean.jpg"


def test_a_thousand_folders_in_each_other_are_no_trouble() -> None:
    paths = ["/".join(["a"] * depth) for depth in range(1500)]
    folders = [{"tree": TREE, "vertex": str(at), "path": path} for at, path in enumerate(paths)]
    found = rows(known=SpaceFiles.read({"folders": folders}))
    assert found[-1].depth == 1498


def test_renaming_changes_both_names_that_a_folder_has_and_undo_gives_them_back() -> None:
    known = {"name": "recipes", "_n": "recipes"}
    step = file_edits.rename(KNOWN, row("recipes"), known, "food")
    assert [(edit["key"], edit["value"]) for edit in step.edits] == [
        ("name", "food"), ("_n", "food"),
    ]  # fmt: skip
    assert {edit["value"] for edit in step.undo} == {"recipes"}
    kind_only = file_edits.rename(KNOWN, row("curve.png"), {"_n": "file"}, "b.png")
    assert [edit["key"] for edit in kind_only.edits] == ["name"]
    assert kind_only.undo == ({"do": "unset", "vertex": "f3", "key": "name"},)


def test_moving_goes_back_to_where_each_was() -> None:
    step = file_edits.move(KNOWN, [row("curve.png"), row("espresso.md")], row("videos").folder)
    assert [edit["parent"] for edit in step.edits] == ["videos", "videos"]
    assert [edit["parent"] for edit in step.undo] == ["top", "recipes"]
    assert step.title == "moved 2 things to videos"


@pytest.mark.parametrize("name", ["a/b", "..", ".", "filter.md", "cold brew"])
def test_names_that_are_none_or_taken_are_refused(name: str) -> None:
    with pytest.raises(UsageError):
        file_edits.rename(KNOWN, row("espresso.md"), {}, name)
    with pytest.raises(UsageError):
        file_edits.new_folder(KNOWN, row("recipes").folder, name)


def test_a_folder_does_not_go_into_itself_and_nothing_leaves_its_tree() -> None:
    recipes = row("recipes")
    for goal in (recipes.folder, row("cold brew").folder):
        with pytest.raises(UsageError, match="into itself"):
            file_edits.move(KNOWN, [recipes], goal)
    elsewhere = SpaceFiles.read({"folders": [{"tree": "t", "vertex": "x", "path": ""}]})
    with pytest.raises(UsageError, match="cannot leave its tree"):
        file_edits.move(KNOWN, [recipes], elsewhere.folders[0])
