"""What lists say of trees: kept over restarts, and gathered anew where something changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.chat_view import CHAT_APP, ChatView
from sila_daemon.core.errors import ProtectionError
from sila_daemon.store.tree_facts import TreeFactsTable
from tests.mirror.bench import SPACE

if TYPE_CHECKING:
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.mirror.space_mirror import SpaceMirror
    from tests.mirror.bench import Bench


async def new_chat(mirror: SpaceMirror, title: str, messages: int = 2) -> str:
    def build(tree: RepTree) -> None:
        root = tree.root
        assert root is not None
        root.set("name", title)
        above = root.new_child({"name": "messages"})
        for number in range(messages):
            above = above.new_child({"_n": "message", "role": "user", "text": f"{number}"})

    tree_id = (await mirror.app_trees.create(CHAT_APP, build, title)).tree_id
    return tree_id


async def stale(mirror: SpaceMirror) -> set[str]:
    """The trees of which nothing is kept."""
    table = TreeFactsTable((await mirror._ready_layers()).store.database)
    return {stored.tree_id for stored in await table.load() if stored.text is None}


async def test_a_list_loads_no_tree_that_did_not_change(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Work")
        chats = [await new_chat(a, f"Chat {number}") for number in range(3)]
        first = await a.tree_facts()
        assert [first[chat].messages for chat in chats] == [2, 2, 2]
        assert first[SPACE].names == {SPACE: "Work"} | {
            chat: f"Chat {number}" for number, chat in enumerate(chats)
        }
        assert await stale(a) == set()
    async with bench.mirror("a") as a:
        assert await a.tree_facts() == first
        trees = (await a._ready_layers()).trees
        assert not any(trees.is_loaded(tree_id) for tree_id in first)
        await a.edit(chats[1], lambda tree: ChatView(tree).append("user", "more").id)
        assert await stale(a) == {chats[1]}
        assert (await a.tree_facts())[chats[1]].messages == 3
        trees.drop(chats[1])
        assert (await a.tree_facts())[chats[1]].messages == 3


async def test_trees_that_are_loaded_for_a_list_are_let_go_of(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Work")
        chats = [await new_chat(a, f"Chat {number}") for number in range(3)]
        trees = (await a._ready_layers()).trees
        for chat in chats:
            trees.drop(chat)
        await a.tree(chats[2])
        assert len(await a.tree_facts()) == 4
        assert [trees.is_loaded(chat) for chat in chats] == [False, False, True]
        assert set(await a.tree_facts(chats[0])) == {chats[0]}


async def test_what_is_not_kept_yet_is_not_taken_for_a_fact(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Work")
        chat = await new_chat(a, "Chat")
        layers = await a._ready_layers()
        with layers.trees.held([chat]):
            assert (await a.tree_facts())[chat].messages == 2
        assert await stale(a) == {chat}
        (await a.tree(chat)).set_transient(chat, "name", "typing")
        await a.tree_facts()
        assert await stale(a) == {chat}


async def test_a_change_while_facts_are_gathered_counts(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Work")
        chat = await new_chat(a, "Chat")
        table = TreeFactsTable((await a._ready_layers()).store.database)
        before = [stored for stored in await table.load() if stored.tree_id == chat]
        await a.edit(chat, lambda tree: ChatView(tree).append("user", "more").id)
        await table.keep([stored._replace(text=b"{}") for stored in before])
        assert chat in await stale(a)


async def test_the_trash_is_in_the_facts(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Work")
        chat = await new_chat(a, "Chat")
        assert (await a.tree_facts())[SPACE].trashed_trees == []
        await a.undo_stack.undo()
        own = (await a.tree_facts())[SPACE]
        assert (own.trashed, own.trashed_trees) == (1, [chat])
        with pytest.raises(ProtectionError):
            await a.create_space("Again")
