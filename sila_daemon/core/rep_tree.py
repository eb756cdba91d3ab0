"""RepTree: a replicated tree. Any replica that holds the same ops shows the same tree.

The op format and the meaning of ops are those of the npm package `reptree` 0.9.0, as the space
format describes them. Reading is in `tree_state`, merging in `merging_tree`; here are the edits
that make ops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from sila_daemon.core import ids, json_value
from sila_daemon.core.errors import InvalidIdError, InvalidValueError, NotFoundError, UsageError
from sila_daemon.core.merging_tree import MergingTree
from sila_daemon.core.op_codec import checked_op
from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.core.peer_order import LABEL_BITS
from sila_daemon.core.tree_state import CREATED_KEY
from sila_daemon.core.vertex import Vertex

if TYPE_CHECKING:
    from sila_daemon.core.editor import Editor
    from sila_daemon.core.json_value import Json


class RepTree(MergingTree):
    """One tree: merges ops in any order, makes ops for edits, tells observers what changed."""

    def __init__(self, tree_id: str, editor: Editor | None = None) -> None:
        """Makes an empty tree; one without an editor cannot be edited, only merged into."""
        super().__init__(ids.checked_tree_id(tree_id))
        self._editor = editor
        self._local_ops: list[Op] = []
        self.on_draft: Callable[[Op], None] | None = None
        """Called with each op of an edit before it is merged."""

    @property
    def root(self) -> Vertex | None:
        """The vertex that everything not deleted hangs from; None in a tree without one yet."""
        index = self.root_index()
        return None if index is None else Vertex(self, index)

    def vertex(self, vertex_id: str) -> Vertex | None:
        """Returns a handle on a vertex; None when it does not exist (yet)."""
        index = self.index_of(vertex_id)
        return None if index is None else Vertex(self, index)

    def create_root(self) -> Vertex:
        """Plants a fresh tree: the null vertex and a root named as the tree."""
        if self.root_index() is not None:
            raise UsageError("the tree has a root already")
        if ids.NULL_VERTEX not in self:
            self._create(ids.NULL_VERTEX, None)
        return self._create(self.tree_id, None)

    def create(self, parent: str, properties: Mapping[str, Json] | None = None) -> Vertex:
        """Creates a vertex under another, with its creation time and properties."""
        self._require(parent)
        texts = {key: _encoded(key, value) for key, value in (properties or {}).items()}
        return self._create(self._author().new_id(), parent, texts)

    def move(self, vertex_id: str, parent: str) -> None:
        """Moves a vertex. Raises UsageError for a move that would make a cycle."""
        vertex, above = self._require(vertex_id), self._require(parent)
        if vertex == self.root_index() or vertex_id == ids.NULL_VERTEX:
            raise UsageError("the root of a tree cannot be moved")
        if vertex == above or vertex in self.ancestors_of(above):
            raise UsageError("a vertex cannot be moved into itself or below itself")
        self._edit(MoveOp(0, "", vertex_id, parent))

    def delete(self, vertex_id: str) -> None:
        """Moves a vertex, and with it all below, under the null vertex; a move restores it."""
        if self._require(vertex_id) == self.root_index() or vertex_id == ids.NULL_VERTEX:
            raise UsageError("the root of a tree cannot be deleted")
        missing_null = ids.NULL_VERTEX not in self
        if missing_null:
            self._create(ids.NULL_VERTEX, None)
        self._edit(MoveOp(0, "", vertex_id, ids.NULL_VERTEX))

    def trashed(self) -> dict[int, int | None]:
        """Returns what was deleted by itself, in display order, and what it stood under before.

        What went along with it is below it, and not listed. O(n) in the moves.
        """
        null = self.index_of(ids.NULL_VERTEX)
        if null is None:
            return {}
        deleted = self.children_of(null)
        places = self._moves.last_places(deleted, null)
        return {index: places.get(index) for index in deleted}

    def restore(self, vertex_id: str, parent: str | None = None) -> None:
        """Moves a vertex out of the trash, to where it was deleted from or under `parent`.

        Raises NotFoundError for what is not in the trash by itself, UsageError when it has no
        place to go back to.
        """
        place = self.place_before(vertex_id) if parent is None else parent
        if parent is None and self.is_deleted(self._require(place)):
            raise nothing_to_go_back_to()
        self.move(vertex_id, place)

    def place_before(self, vertex_id: str) -> str:
        """Returns what a deleted vertex stood under, deleted or not. Raises as `restore` does."""
        trashed = self.trashed()
        vertex = self._require(vertex_id)
        if vertex not in trashed:
            raise NotFoundError(
                f"{ids.shortened(vertex_id)} is not in the trash by itself",
                code="not_in_trash",
                hint="restore what it was deleted with, or move it",
            )
        place = trashed[vertex]
        if place is None:
            raise nothing_to_go_back_to()
        return self.id_of(place)

    def set(self, vertex_id: str, key: str, value: Json) -> None:
        """Sets a property. Raises InvalidValueError for what not every replica would keep."""
        self.set_text(vertex_id, key, _encoded(key, value))

    def unset(self, vertex_id: str, key: str) -> None:
        """Deletes a property."""
        self.set_text(vertex_id, key, None)

    def set_transient(self, vertex_id: str, key: str, value: Json) -> None:
        """Lays live state over a property until somebody sets it; it is never stored."""
        self._require(vertex_id)
        self._edit(PropertyOp(0, "", vertex_id, key, _encoded(key, value), transient=True))

    def keep(self, against: Iterable[Op]) -> int:
        """Says anew how things are, so that ops that are still to be merged change nothing.

        `against` are those ops; they must have been seen by the clock. Returns how many ops that
        took. Where vertices are is said from above to below, so that nothing makes a cycle.
        """
        moved: set[int] = set()
        changed: dict[tuple[int, str], None] = {}
        earliest = None
        for op in against:
            index = self.index_of(op.target)
            if index is None:
                continue
            if isinstance(op, PropertyOp):
                changed[index, op.key] = None
            else:
                moved.add(index)
                earliest = min(op.counter, earliest or op.counter)
        if earliest is not None:
            # Later moves may not count any more, as they would make a cycle then.
            moved |= self._moves.moved_since(earliest << LABEL_BITS)
        drafts: list[Op] = []
        for _, index in sorted((depth_of(self, self.id_of(index)), index) for index in moved):
            parent = self.parent_of(index)
            above = None if parent is None else self.id_of(parent)
            drafts.append(MoveOp(0, "", self.id_of(index), above))
        for index, key in changed:
            text = self.text(index, key, with_transient=False)
            drafts.append(PropertyOp(0, "", self.id_of(index), key, text))
        if drafts:
            self._edit(*drafts)
        return len(drafts)

    def set_text(self, vertex_id: str, key: str, text: bytes | None) -> None:
        """Sets a property to JSON text that a tree showed before; None deletes it."""
        self._require(vertex_id)
        self._edit(PropertyOp(0, "", vertex_id, key, text))

    def take_local_ops(self) -> list[Op]:
        """Returns the ops made by edits since the last call, in the order they were made."""
        taken, self._local_ops = self._local_ops, []
        return taken

    def _create(
        self, vertex_id: str, parent: str | None, texts: Mapping[str, bytes] | None = None
    ) -> Vertex:
        created = json_value.encode(self._author().now())
        self._edit(
            MoveOp(0, "", vertex_id, parent),
            PropertyOp(0, "", vertex_id, CREATED_KEY, created),
            *(PropertyOp(0, "", vertex_id, key, text) for key, text in (texts or {}).items()),
        )
        vertex = self.vertex(vertex_id)
        assert vertex is not None
        return vertex

    def _edit(self, *drafts: Op) -> None:
        """Gives ids to drafts of ops, merges them and keeps them for whoever stores them."""
        peer = self._author().peer
        if self.on_draft is not None:
            for draft in drafts:
                self.on_draft(draft)
        first = self.highest_counter + 1
        if first + len(drafts) - 1 > ids.COUNTER_MAX:
            raise UsageError("the tree's counter is used up")
        made = [
            checked_op(_with_id(draft, counter, peer))
            for counter, draft in enumerate(drafts, first)
        ]
        # Kept first: an observer that fails must not keep an edit that is shown from being stored.
        self._local_ops += made
        self.merge(made)

    def _author(self) -> Editor:
        if self._editor is None:
            raise UsageError("this tree was opened for reading only")
        return self._editor

    def _require(self, vertex_id: str) -> int:
        index = self.index_of(vertex_id)
        if index is None:
            raise NotFoundError(f"no vertex {ids.shortened(vertex_id)} in this tree")
        return index


def depth_of(tree: RepTree, vertex_id: str) -> int:
    """Returns how much stands above a vertex; 0 for one that does not exist."""
    index = tree.index_of(vertex_id)
    return 0 if index is None else sum(1 for _ in tree.ancestors_of(index))


def nothing_to_go_back_to() -> UsageError:
    """Says that a deleted vertex has no place left."""
    return UsageError(
        "what it was deleted from is not there any more",
        code="no_place",
        hint="restore that first, or name the vertex to put it under",
    )


def _with_id(draft: Op, counter: int, peer: str) -> Op:
    if isinstance(draft, MoveOp):
        return MoveOp(counter, peer, draft.target, draft.parent)
    return PropertyOp(counter, peer, draft.target, draft.key, draft.value, draft.transient)


def _encoded(key: str, value: Json) -> bytes:
    if not ids.is_vertex_id(key):
        raise InvalidIdError(f"not a property key: {ids.shortened(key)}")
    text = json_value.encode(value)
    json_value.check_integers(value)
    if json_value.is_deletion(text):
        raise InvalidValueError(
            "an empty object or list as a whole value means deletion to the original app",
            hint="unset the property, or nest the empty value in an object",
        )
    return text
