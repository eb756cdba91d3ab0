"""Taking back the last edits of a space, one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import NotFoundError, ProtectionError
from sila_daemon.mirror import undo_stack
from tests.mirror.bench import SPACE

if TYPE_CHECKING:
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.mirror.space_mirror import SpaceMirror
    from tests.mirror.bench import Bench


def setting(key: str, value: int | str) -> Callable[[RepTree], None]:
    return lambda tree: tree.set(SPACE, key, value)


async def value(mirror: SpaceMirror, key: str) -> object:
    root = (await mirror.tree(SPACE)).root
    assert root is not None
    return root.get(key)


async def test_edits_are_taken_back_newest_first_and_each_once(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Work")
        for number in (1, 2, 3):
            await a.edit(SPACE, setting("n", number))
        first, second = await asyncio.gather(a.undo_stack.undo(), a.undo_stack.undo())
        assert sorted([first.left, second.left]) == [1, 2]
        assert await value(a, "n") == 1
        step = await a.undo_stack.undo()
        assert (step.tree_id, step.left) == (SPACE, 0)
        assert [(one.what, one.vertex, one.key) for one in step.changes] == [("set", SPACE, "n")]
        assert await value(a, "n") is None
        with pytest.raises(NotFoundError) as refusal:
            await a.undo_stack.undo()
        assert refusal.value.code == "nothing_to_undo"


async def test_what_changed_since_is_refused_and_may_be_taken_back_partly(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Work")

        def both(tree: RepTree) -> None:
            tree.set(SPACE, "x", 1)
            tree.set(SPACE, "y", 1)

        await a.edit(SPACE, both)
        layers = await a._ready_layers()
        await layers.intake.edit([SPACE], lambda trees: trees[0].set(SPACE, "x", 2))
        for _ in range(2):
            with pytest.raises(ProtectionError) as refusal:
                await a.undo_stack.undo()
            assert refusal.value.code == "changed_since"
        assert (await value(a, "x"), await value(a, "y")) == (2, 1)
        await a.undo_stack.undo(partly=True)
        assert (await value(a, "x"), await value(a, "y")) == (2, None)


async def test_a_new_tree_is_taken_back_by_its_reference(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Work")
        tree_id = (await a.app_trees.create("files", lambda tree: tree.root, "Files")).tree_id
        assert (await a.space()).app_tree_ids() == [tree_id]
        await a.undo_stack.undo()
        assert (await a.space()).app_tree_ids() == []
        assert (await a.space()).app_tree_ids(with_deleted=True) == [tree_id]


async def test_a_failed_edit_is_no_step(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Work")

        def failing(tree: RepTree) -> None:
            tree.set(SPACE, "x", 1)
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await a.edit(SPACE, failing)
        with pytest.raises(NotFoundError):
            await a.undo_stack.undo()


async def test_memory_is_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undo_stack, "STEPS_MAX", 3)
    monkeypatch.setattr(undo_stack, "BYTES_MAX", 10_000)
    async with bench.mirror("a") as a:
        await a.create_space("Work")
        for number in range(5):
            await a.edit(SPACE, setting("n", number))
        assert (await a.undo_stack.undo()).left == 2
        await a.edit(SPACE, setting("large", "x" * 4000))
        await a.edit(SPACE, setting("large", "y" * 4000))
        assert (await a.undo_stack.undo()).left < 3, "what is too much together goes, oldest first"
        await a.edit(SPACE, setting("large", "z" * 20_000))
        with pytest.raises(NotFoundError):
            await a.undo_stack.undo()
