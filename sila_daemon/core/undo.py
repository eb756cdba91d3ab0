"""What an edit did to a tree, and taking it back: as new ops, where things are as it left them.

How things were is noted before each op is merged. Whether they are as the edit left them is told
by what they are, not by who said so: what somebody set to the very same value counts as unchanged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from sila_daemon.core.errors import ProtectionError
from sila_daemon.core.ids import NULL_VERTEX
from sila_daemon.core.ops import MoveOp, Op

if TYPE_CHECKING:
    from sila_daemon.core.rep_tree import RepTree

T = TypeVar("T")

_ENTRY_BYTES = 200


@dataclass(slots=True)
class _Place:
    before: str | None
    after: str | None = None
    below: bytes = b""
    """A digest of what stood below something restored: the trash takes that along again."""


@dataclass(slots=True)
class _Text:
    before: bytes | None
    after: bytes | None = None


@dataclass(slots=True)
class EditStep:
    """What one edit did to one tree, and how that was before."""

    tree_id: str
    created: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Vertices that it made, with their properties as it left them."""
    moved: dict[str, _Place] = field(default_factory=dict)
    """What vertices stood under, those made here included."""
    texts: dict[tuple[str, str], _Text] = field(default_factory=dict)
    """Properties of vertices that were there, by vertex and key."""

    def __bool__(self) -> bool:
        return bool(self.created or self.moved or self.texts)

    @property
    def size(self) -> int:
        """About how many bytes of memory it needs."""
        texts = [text for of_one in self.created.values() for text in of_one.values()]
        texts += [
            text for pair in self.texts.values() for text in (pair.before, pair.after) if text
        ]
        entries = len(self.created) + len(self.moved) + len(self.texts) + len(texts)
        return entries * _ENTRY_BYTES + sum(map(len, texts))


class Undone(NamedTuple):
    """One thing that was taken back."""

    what: str
    """What the edit had done: `made`, `deleted`, `restored`, `moved` or `set`."""
    vertex: str
    name: str | None
    key: str | None


def recorded(tree: RepTree, change: Callable[[RepTree], T]) -> tuple[T, EditStep]:
    """Applies a change to a tree; returns its result and what it did."""
    step = EditStep(tree.tree_id)

    def note(draft: Op) -> None:
        vertex, index = draft.target, tree.index_of(draft.target)
        if isinstance(draft, MoveOp):
            if index is None and vertex != NULL_VERTEX:
                step.created[vertex] = {}
            if vertex not in step.moved and vertex != NULL_VERTEX:
                step.moved[vertex] = _Place(None if index is None else _parent(tree, vertex))
        elif index is not None and not draft.transient and vertex not in step.created:
            if (vertex, draft.key) not in step.texts:
                text = tree.text(index, draft.key, with_transient=False)
                step.texts[vertex, draft.key] = _Text(text)

    tree.on_draft = note
    try:
        result = change(tree)
    finally:
        tree.on_draft = None
    for vertex in step.created:
        step.created[vertex] = _texts(tree, vertex)
    for vertex, place in step.moved.items():
        place.after = _parent(tree, vertex)
        if place.before == NULL_VERTEX != place.after:
            place.below = _digest_below(tree, vertex)
    for (vertex, key), text in step.texts.items():
        text.after = _text(tree, vertex, key)
    return result, step


def undo(tree: RepTree, step: EditStep, *, partly: bool = False) -> list[Undone]:
    """Takes an edit back; returns what of it.

    Raises ProtectionError (`changed_since`) when part of it is not as the edit left it, or cannot
    go back; with `partly` that part is left as it is.
    """
    changed: list[str] = []

    def stands(is_so: bool, vertex: str) -> bool:
        if not is_so:
            changed.append(vertex)
        return is_so

    texts = [
        (vertex, key, text.before)
        for (vertex, key), text in step.texts.items()
        if text.before != text.after and stands(_text(tree, vertex, key) == text.after, vertex)
    ]
    made = [vertex for vertex in step.created if stands(_is_as_made(tree, step, vertex), vertex)]
    moves = _ways_back(tree, step, stands)
    if changed and not partly:
        raise _changed_since(tree, changed)
    undone = [Undone("set", vertex, _name(tree, vertex), key) for vertex, key, _ in texts]
    undone += [
        Undone(_what(step.moved[vertex]), vertex, _name(tree, vertex), None) for vertex, _ in moves
    ]
    for vertex, key, text in texts:
        tree.set_text(vertex, key, text)
    for vertex, before in moves:
        tree.delete(vertex) if before == NULL_VERTEX else tree.move(vertex, before)
    return undone + _unmake(tree, made)


def require_as_made(tree: RepTree, step: EditStep) -> None:
    """Raises ProtectionError (`changed_since`) when what an edit made is not as it left it."""
    changed = [vertex for vertex in step.created if not _is_as_made(tree, step, vertex)]
    if changed:
        raise _changed_since(tree, changed)


def _unmake(tree: RepTree, made: list[str]) -> list[Undone]:
    """Deletes vertices that were made, unless something is still below that was not."""
    undone: list[Undone] = []
    known = set(made)
    for vertex in made:
        if _parent(tree, vertex) in known:
            continue  # It goes with the one above.
        below = [vertex]
        for each in below:
            handle = tree.vertex(each)
            below += [child.id for child in handle.children] if handle else []
        if known.issuperset(below):
            undone += [Undone("made", each, _name(tree, each), None) for each in below]
            tree.delete(vertex)
    return undone


def _what(place: _Place) -> str:
    if place.after == NULL_VERTEX:
        return "deleted"
    return "restored" if place.before == NULL_VERTEX else "moved"


def _is_as_made(tree: RepTree, step: EditStep, vertex: str) -> bool:
    """Tells whether a vertex is as it was made, and holds nothing that others put there."""
    handle = tree.vertex(vertex)
    if handle is None or _texts(tree, vertex) != step.created[vertex]:
        return False
    is_there = _parent(tree, vertex) == step.moved[vertex].after
    return is_there and all(child.id in step.moved for child in handle.children)


def _ways_back(
    tree: RepTree, step: EditStep, stands: Callable[[bool, str], bool]
) -> list[tuple[str, str]]:
    """Returns what goes back to where: from above to below, so that nothing makes a cycle."""
    goes: dict[str, str] = {}
    for vertex, place in step.moved.items():
        if vertex in step.created or place.before == place.after:
            continue
        before = place.before
        is_there = tree.vertex(vertex) is not None and _parent(tree, vertex) == place.after
        if is_there and place.below:
            is_there = _digest_below(tree, vertex) == place.below
        if stands(is_there and before is not None and tree.vertex(before) is not None, vertex):
            assert before is not None
            goes[vertex] = before
    while True:
        paths = {vertex: _path(tree, goes, vertex) for vertex in goes}
        lost = [
            vertex
            for vertex, path in paths.items()
            if path[-1] == vertex or (path[-1] == NULL_VERTEX and goes[vertex] != NULL_VERTEX)
        ]
        for vertex in lost:
            stands(False, vertex)
            del goes[vertex]
        if not lost:
            return sorted(goes.items(), key=lambda way: len(paths[way[0]]))


def _path(tree: RepTree, goes: dict[str, str], vertex: str) -> list[str]:
    """Returns what will stand above a vertex, nearest first; a cycle ends where it begins."""
    path = [goes[vertex]]
    seen = {vertex, *path}
    while path[-1] != vertex:
        above = goes.get(path[-1]) or _parent(tree, path[-1])
        if above is None:
            break
        path.append(vertex if above in seen else above)
        seen.add(above)
    return path


def _parent(tree: RepTree, vertex: str) -> str | None:
    handle = tree.vertex(vertex)
    parent = handle.parent if handle else None
    return parent.id if parent else None


def _text(tree: RepTree, vertex: str, key: str) -> bytes | None:
    index = tree.index_of(vertex)
    return None if index is None else tree.text(index, key, with_transient=False)


def _texts(tree: RepTree, vertex: str) -> dict[str, bytes]:
    index = tree.index_of(vertex)
    return {} if index is None else dict(sorted(tree.texts(index, with_transient=False)))


def _digest_below(tree: RepTree, vertex: str) -> bytes:
    """Returns a digest of a vertex and everything below it: ids, places and properties."""
    digest = hashlib.sha256()
    below = [vertex]
    for each in below:
        texts = sorted(_texts(tree, each).items())
        handle = tree.vertex(each)
        children = sorted(child.id for child in handle.children) if handle else []
        digest.update(repr((each, texts, children)).encode("utf-8", "backslashreplace"))
        below += children
    return digest.digest()


def _name(tree: RepTree, vertex: str) -> str | None:
    handle = tree.vertex(vertex)
    return handle.name if handle else None


def _changed_since(tree: RepTree, changed: list[str]) -> ProtectionError:
    first = _name(tree, changed[0]) or changed[0]
    more = f" and {len(set(changed)) - 1} more" if len(set(changed)) > 1 else ""
    return ProtectionError(
        f"{first!a:.80}{more} changed since, or cannot go back to where it was",
        code="changed_since",
        hint="take back only what is as the edit left it, with --partly",
    )
