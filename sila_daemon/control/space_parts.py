"""What the handlers need of single parts of an open space, as protocols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sila_daemon.core.files_view import BlobReference
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.core.search_text import Span
    from sila_daemon.core.vertex import Vertex


class Hits(Protocol):
    """A page of what a search found."""

    @property
    def progress(self) -> tuple[int, int]:
        """How many of how many ops were searched."""
        ...

    @property
    def hits(self) -> Sequence[tuple[Vertex, str, str, Span]]:
        """Vertices, with the key and text of a property, and where the first word stands."""
        ...

    @property
    def next(self) -> int | None:
        """What to ask before for the next page; None at the end."""
        ...


class FileConflict(Protocol):
    """A content of a mutable file that was put beside a newer one."""

    @property
    def uuid(self) -> str:
        """The file."""
        ...

    @property
    def sha256(self) -> str:
        """Names the immutable file that keeps the content."""
        ...

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    @property
    def server(self) -> str:
        """Where the newer content came from."""
        ...

    @property
    def at_ms(self) -> int:
        """When, in Unix milliseconds."""
        ...


class FileChoices(Protocol):
    """Files that were changed in two places."""

    async def waiting(self) -> Sequence[FileConflict]:
        """Returns what was put beside newer contents, the oldest first."""
        ...

    async def choose(self, uuid: str, sha256: str, *, own: bool) -> None:
        """Puts what was kept in place again, or leaves the newer one. Raises NotFoundError."""
        ...


class FileFetches(Protocol):
    """Files that the policy of a space leaves on its servers."""

    async def away(self) -> frozenset[str]:
        """Returns the hashes of the files that are left there."""
        ...

    async def is_here(self, file: BlobReference) -> bool:
        """Tells whether the bytes of a file are on this machine."""
        ...

    async def fetch(self, files: Iterable[BlobReference]) -> tuple[int, int]:
        """Brings files that are not here; returns how many, and bytes. Raises NotFoundError."""
        ...


class UndoneStep(Protocol):
    """An edit that was taken back."""

    @property
    def tree_id(self) -> str:
        """The tree that it changed."""
        ...

    @property
    def at(self) -> float:
        """When it was made, in Unix seconds."""
        ...

    @property
    def changes(self) -> Sequence[tuple[str, str, str | None, str | None]]:
        """What it had done, and to which vertex, its name and the key of a property."""
        ...

    @property
    def left(self) -> int:
        """How many more edits can be taken back."""
        ...


class UndoStack(Protocol):
    """The last edits of a space that were made through this daemon."""

    async def undo(self, *, partly: bool = False) -> UndoneStep:
        """Takes the newest back. Raises NotFoundError, ProtectionError when it changed since."""
        ...


class MadeTree(Protocol):
    """A new tree that a space refers to."""

    @property
    def tree_id(self) -> str:
        """The tree."""
        ...

    @property
    def vertex_id(self) -> str:
        """What refers to it in the space's own tree."""
        ...


class AppTrees(Protocol):
    """The trees that a space refers to."""

    async def create(
        self,
        app_id: str,
        build: Callable[[RepTree], object],
        name: str = "",
        parent: str | None = None,
    ) -> MadeTree:
        """Makes a tree with what `build` puts into it. Raises NotFoundError for the parent."""
        ...

    async def rename(self, tree_id: str, name: str) -> None:
        """Gives a tree another name, wherever it is named."""
        ...

    async def put_away(self, tree_id: str, *, is_meant: bool = False) -> list[str]:
        """Moves what refers to a tree to the trash; returns those vertices."""
        ...


class NamedBlob(Protocol):
    """The name of a file's bytes."""

    @property
    def kind(self) -> str:
        """`static` or `var`."""
        ...

    @property
    def name(self) -> str:
        """A hash or an id."""
        ...


class Transfer(Protocol):
    """One file on its way; sizes in bytes."""

    @property
    def blob(self) -> NamedBlob:
        """The file."""
        ...

    @property
    def direction(self) -> str:
        """`up` or `down`."""
        ...

    @property
    def server(self) -> str:
        """The other end."""
        ...

    @property
    def done(self) -> int:
        """How much went by."""
        ...

    @property
    def total(self) -> int | None:
        """How much it is, if that is known."""
        ...

    @property
    def rate(self) -> float:
        """Bytes a second of the last seconds."""
        ...

    @property
    def seconds_left(self) -> float | None:
        """How long it takes at this rate; None when that cannot be said."""
        ...

    @property
    def started_ms(self) -> int:
        """Since when, in Unix milliseconds."""
        ...


class Transfers(Protocol):
    """The files of a space that are on their way now."""

    @property
    def revision(self) -> int:
        """Another number with every change."""
        ...

    @property
    def active(self) -> Sequence[Transfer]:
        """The transfers, the oldest first."""
        ...

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Has `listener` called at changes, at most some times a second; returns what ends it."""
        ...


class Hold(Protocol):
    """Changes that one source brought at once and that the guard holds."""

    @property
    def number(self) -> int:
        """Names it within its space."""
        ...

    @property
    def source(self) -> str:
        """`folder`, or a server's URL."""
        ...

    @property
    def vertices(self) -> int:
        """About how many vertices would be deleted or overwritten."""
        ...

    @property
    def of_vertices(self) -> int:
        """How many there were when it began."""
        ...

    @property
    def at_ms(self) -> int:
        """Since when, in Unix milliseconds."""
        ...

    @property
    def refused_ms(self) -> int | None:
        """When somebody said no; None while it waits."""
        ...

    @property
    def ops(self) -> int:
        """How many ops are held."""
        ...

    @property
    def deletions(self) -> int:
        """How many of them move something to the trash."""
        ...

    @property
    def moves(self) -> int:
        """How many move something elsewhere."""
        ...

    @property
    def trees(self) -> int:
        """In how many trees."""
        ...


class HeldChanges(Protocol):
    """What the guard of a space holds, and what a person decides about it."""

    async def holds(self) -> Sequence[Hold]:
        """Returns the changes that the guard holds, those that were refused too."""
        ...

    async def accept(self, number: int) -> int:
        """Shows and passes on what is held; returns how many ops. Raises NotFoundError."""
        ...

    async def refuse(self, number: int) -> int:
        """Has changes stay held, and nobody asked any more; returns how many ops they are."""
        ...

    async def undo(self, number: int) -> int:
        """Undoes what is held for everybody; returns how many ops that took."""
        ...


class SpaceParts(Protocol):
    """What an open space is made of, beside its trees."""

    @property
    def app_trees(self) -> AppTrees:
        """The trees that it refers to."""
        ...

    @property
    def file_choices(self) -> FileChoices:
        """Files that wait for the choice of a person."""
        ...

    @property
    def file_fetches(self) -> FileFetches:
        """Files that are left on the servers."""
        ...

    @property
    def transfers(self) -> Transfers:
        """Files that are on their way now."""
        ...

    @property
    def undo_stack(self) -> UndoStack:
        """The last edits that were made through this daemon."""
        ...

    @property
    def held(self) -> HeldChanges:
        """What the guard of the space holds."""
        ...
