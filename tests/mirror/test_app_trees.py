"""Chats are made, renamed and put away as the original app has them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.chat_view import CHAT_APP, ChatView
from sila_daemon.core.errors import NotFoundError, ProtectionError
from sila_daemon.core.ops import MoveOp
from sila_daemon.store.space_store import Delivery
from tests.mirror.bench import SPACE

if TYPE_CHECKING:
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.mirror.space_mirror import SpaceMirror
    from tests.mirror.bench import Bench


def plant(name: str, tree: RepTree) -> None:
    ChatView.plant(tree, name, "default")


async def root_name(mirror: SpaceMirror, tree_id: str) -> object:
    root = (await mirror.tree(tree_id)).root
    assert root is not None
    return root.get("name")


async def titles(mirror: SpaceMirror) -> list[str]:
    return [entry.name for entry in (await mirror.space()).threads()]


async def test_a_new_chat_has_what_the_original_gives_it(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Work")
        made = await a.app_trees.create(CHAT_APP, partial(plant, "Plans"), "Plans")
        tree = await a.tree(made.tree_id)
        assert tree.root is not None
        kept = {key: tree.root.get(key) for key in ("appId", "configId", "name")}
        assert kept == {"appId": CHAT_APP, "configId": "default", "name": "Plans"}
        assert {child.name for child in tree.root.children} == {"messages", "jobs", "assets"}
        reference = (await a.tree(SPACE)).vertex(made.vertex_id)
        assert reference is not None and reference.parent is not None
        assert (reference.get("tid"), reference.get("name")) == (made.tree_id, "Plans")
        assert reference.parent.name == "threads"


async def test_a_chat_stands_below_a_folder_of_chats_and_nowhere_else(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Work")
        above = await a.app_trees.create(CHAT_APP, partial(plant, "Above"), "Above")
        below = await a.app_trees.create(CHAT_APP, partial(plant, "B"), "B", above.vertex_id)
        [entry] = (await a.space()).threads()
        assert [child.tree_id for child in entry.children] == [below.tree_id]
        assets = (await a.space()).section("assets")
        assert assets is not None
        before = sorted(await a.tree_ids())
        for elsewhere in (assets.id, SPACE, "none"):
            with pytest.raises(NotFoundError):
                await a.app_trees.create(CHAT_APP, partial(plant, "C"), "C", elsewhere)
        assert sorted(await a.tree_ids()) == before


async def test_a_rename_and_its_undo_change_both_names(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Work")
        tree_id = (await a.app_trees.create(CHAT_APP, partial(plant, "Old"), "Old")).tree_id
        await a.app_trees.rename(tree_id, "New")
        assert (await titles(a), await root_name(a, tree_id)) == (["New"], "New")
        step = await a.undo_stack.undo()
        assert (step.tree_id, [change.what for change in step.changes]) == (SPACE, ["set"])
        assert (await titles(a), await root_name(a, tree_id)) == (["Old"], "Old")


async def test_what_is_put_away_comes_back(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Work")
        made = await a.app_trees.create(CHAT_APP, partial(plant, "Old"), "Old")
        assert await a.app_trees.put_away(made.tree_id) == [made.vertex_id]
        assert await titles(a) == []
        with pytest.raises(NotFoundError):
            await a.app_trees.put_away(made.tree_id)
        await a.undo_stack.undo()
        assert await titles(a) == ["Old"]


async def test_a_new_chat_is_undone_only_while_nobody_wrote_into_it(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Work")
        made = await a.app_trees.create(CHAT_APP, partial(plant, "Plans"), "Plans")
        layers = await a._ready_layers()
        tree = await a.tree(made.tree_id)
        assert tree.root is not None
        [messages] = [child.id for child in tree.root.children if child.name == "messages"]
        others = MoveOp(99, "9" * 32, "8" * 32, messages)
        await layers.intake.deliver(Delivery([(made.tree_id, others)], "folder"))
        for partly in (False, True):
            with pytest.raises(ProtectionError, match="changed"):
                await a.undo_stack.undo(partly=partly)
        assert await titles(a) == ["Plans"]


async def test_a_new_chat_that_nobody_wrote_into_is_undone(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Work")
        await a.app_trees.create(CHAT_APP, partial(plant, "Plans"), "Plans")
        step = await a.undo_stack.undo()
        assert [change.what for change in step.changes] == ["made"]
        assert await titles(a) == []
