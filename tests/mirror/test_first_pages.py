"""The first pages of a large tree are there before it is loaded, and say the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from sila_daemon.control.handlers.trees import TreeHandlers
from sila_daemon.control.messages import ChildrenParams
from sila_daemon.core import first_pages
from tests.mirror.bench import SPACE

if TYPE_CHECKING:
    from sila_daemon.control.host import SpaceKeeper
    from sila_daemon.control.results import Children
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.mirror.space_mirror import SpaceMirror
    from tests.mirror.bench import Bench


class OneSpace:
    """All that `TreeHandlers` asks a keeper for."""

    def __init__(self, mirror: SpaceMirror) -> None:
        self._mirror = mirror

    def find(self, _: str) -> SpaceMirror:
        return self._mirror


async def children(
    mirror: SpaceMirror, vertex: str | None = None, after: str | None = None, limit: int = 200
) -> Children:
    params = ChildrenParams(
        space=SPACE, tree="space", vertex=vertex, after=after, limit=limit, properties=True
    )
    return await TreeHandlers(cast("SpaceKeeper", OneSpace(mirror))).children(params)


async def is_loaded(mirror: SpaceMirror) -> bool:
    return (await mirror._ready_layers()).trees.is_loaded(SPACE)


def fill(tree: RepTree) -> str:
    root = tree.root
    assert root is not None
    for number in range(9):
        child = root.new_child({"name": f"cut \ud83d {number}", "n": number})
        child.new_child({"name": "below"}).new_child({"name": "deeper"})
    return root.children[-1].id


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_pages, "OPS_MIN", 10)


async def test_first_pages_come_without_the_tree_and_are_as_with_it(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Work")
        last = await a.edit(SPACE, fill)
        await a.tree_facts()
        below = (await children(a, last)).children[0].id
        asked = [(None, 200), (None, 3), (last, 200), (below, 200)]
        loaded = [await children(a, vertex, limit=limit) for vertex, limit in asked]
    async with bench.mirror("a") as a:
        assert [await children(a, vertex, limit=limit) for vertex, limit in asked] == loaded
        assert not await is_loaded(a)
        first = await children(a, limit=3)
        rest = await children(a, after=first.next)
        assert await is_loaded(a), "what follows is asked of the tree"
        assert first.children + rest.children == loaded[0].children


async def test_a_page_is_not_kept_beyond_a_change(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Work")
        last = await a.edit(SPACE, fill)
        await a.tree_facts()
        await a.edit(SPACE, lambda tree: tree.set(last, "name", "renamed"))
    async with bench.mirror("a") as a:
        assert (await children(a)).children[-1].name == "renamed"
        assert await is_loaded(a)


async def test_pages_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_pages, "PAGE_MAX", 4)
    monkeypatch.setattr(first_pages, "ROWS_MAX", 6)
    async with bench.mirror("a") as a:
        await a.create_space("Work")
        last = await a.edit(SPACE, fill)
        facts = (await a.tree_facts())[SPACE]
        assert len(facts.pages) < 4
        page = first_pages.page_of(facts.pages, None)
        assert page is not None
        assert (len(page.rows), page.is_whole) == (4, False)
        whole = await children(a)
    async with bench.mirror("a") as a:
        assert (await children(a, limit=4)).next == whole.children[3].id
        assert not await is_loaded(a)
        assert await children(a) == whole, "more than a page has is asked of the tree"
        assert (await children(a, last)).children[0].name == "below"
    monkeypatch.setattr(first_pages, "BYTES_MAX", 10)
    async with bench.mirror("a") as a:
        await a.edit(SPACE, lambda tree: tree.set(last, "name", "x"))
        assert (await a.tree_facts())[SPACE].pages == {}
