"""Places inside a space as a person writes them: parts by their titles, vertices by id or path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core.errors import NotFoundError, UsageError
from sila_tui.goal import Goal

if TYPE_CHECKING:
    from sila_tui.outline import Item, Outline
    from sila_tui.space_reader import SpaceReader

PREFIX_LENGTH_MIN = 4
"""Of a tree's id."""
NAMES_LOOKED_AT_MAX = 20_000
"""Children of one vertex that are compared with a name of a path."""
PART_TITLES = {"files": "Files", "secrets": "Secrets", "trash": "Trash"}


def _parts(outline: Outline) -> list[Item]:
    return [item for item in outline.items(with_trees=True) if item.view not in ("", "trees")]


def part_choices(outline: Outline) -> list[tuple[str, str]]:
    """The titles of everything that can be shown, and what each is."""
    return [(item.title, item.view) for item in _parts(outline)]


def find_part(outline: Outline, words: str) -> Item:
    """What a title means, or the beginning of only one. Raises SilaError."""
    items, wish = _parts(outline), words.casefold().strip()
    exact = [item for item in items if wish in (item.title.casefold(), item.tree)]
    found = exact or [item for item in items if item.title.casefold().startswith(wish)]
    # A chat is meant rather than the tree that it is.
    found = [item for item in found if item.view != "tree"] or found
    if len(found) > 1 and not exact:
        said = ", ".join(item.title for item in found[:4])
        raise UsageError(f"{words!r:.60} may mean {len(found)} parts", hint=f"for example {said}")
    if not found:
        raise NotFoundError(f"nothing here is called {words!r:.60}", hint="tab lists the parts")
    return found[0]


async def find_place(reader: SpaceReader, outline: Outline, tree: str, words: str) -> Goal:
    """What is meant in the tree in front, else in the space's own tree. Raises SilaError.

    A path begins with `/` and has the names below the root; other words are the id of a tree, the
    beginning of one, or the id of a vertex.
    """
    space_tree = next((known.id for known in outline.trees if known.role == "space"), "")
    here = tree or space_tree
    if words.startswith("/"):
        return Goal(here, await _at_path(reader, here, words))
    trees = [
        known.id for known in outline.trees
        if known.id == words or (len(words) >= PREFIX_LENGTH_MIN and known.id.startswith(words))
    ]  # fmt: skip
    if len(trees) == 1:
        return Goal(trees[0])
    for one in dict.fromkeys((here, space_tree)):
        try:
            return Goal(one, (await reader.vertex(one, words)).id)
        except NotFoundError:
            continue
    raise NotFoundError(
        f"nothing here has the id {words!r:.60}",
        hint="it may be in another tree; a path begins with /, for example /messages",
    )


async def _at_path(reader: SpaceReader, tree: str, path: str) -> str:
    vertex = await reader.vertex(tree, None)
    at = vertex.id
    for name in filter(None, path.split("/")):
        at = await _child(reader, tree, at, name)
    return at


async def _child(reader: SpaceReader, tree: str, parent: str, name: str) -> str:
    after, looked_at = None, 0
    while looked_at < NAMES_LOOKED_AT_MAX:
        page = await reader.page(tree, parent, after)
        found = next((child for child in page.children if name in (child.name, child.id)), None)
        if found is not None:
            return found.id
        after, looked_at = page.after, looked_at + len(page.children)
        if after is None:
            raise NotFoundError(f"nothing is called {name!r:.60} there", hint="look at the tree")
    raise NotFoundError(f"{name!r:.60} is not among the first {NAMES_LOOKED_AT_MAX:,} there")
