"""What the handlers need of single parts of an open space, as protocols."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sila_daemon.core.files_view import BlobReference
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

    async def fetch(self, files: Iterable[BlobReference]) -> tuple[int, int]:
        """Brings files that are not here; returns how many, and bytes. Raises NotFoundError."""
        ...
