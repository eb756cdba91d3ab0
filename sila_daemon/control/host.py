"""What the handlers need of the daemon, as protocols: they know neither mirrors nor files."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from sila_daemon.control.space_parts import SpaceParts

if TYPE_CHECKING:
    from sila_daemon.control.messages import SecretsPolicy
    from sila_daemon.control.results import (
        DaemonStatus,
        FetchPolicy,
        ServerEntry,
        SignedIn,
        SpaceAdded,
        SpaceEntry,
        SpaceMoved,
        SpaceRemoved,
        SpaceServer,
        Version,
    )
    from sila_daemon.control.space_parts import Hits
    from sila_daemon.core.files_view import BlobReference
    from sila_daemon.core.first_pages import FirstPage
    from sila_daemon.core.ops import Op
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.core.space import Space
    from sila_daemon.core.tree_facts import TreeFacts

T = TypeVar("T")


class QuarantinedOp(Protocol):
    """An op that needs somebody, and why."""

    @property
    def server(self) -> str:
        """The server that refused it, or that sent it."""
        ...

    @property
    def way(self) -> str:
        """`refused` or `set_aside`."""
        ...

    @property
    def number(self) -> int:
        """Where it stands among those of one server and way."""
        ...

    @property
    def tree_id(self) -> str:
        """The tree that it belongs to."""
        ...

    @property
    def op(self) -> Op | None:
        """The op; None where it could not be read."""
        ...

    @property
    def raw(self) -> bytes | None:
        """What came, where it could not be read."""
        ...

    @property
    def code(self) -> str:
        """The reason, for programs."""
        ...

    @property
    def message(self) -> str:
        """The reason, for people."""
        ...

    @property
    def at_ms(self) -> int:
        """Since when, in Unix milliseconds."""
        ...

    @property
    def is_acknowledged(self) -> bool:
        """A person has seen it, and need not be told again."""
        ...


class OpenSpace(SpaceParts, Protocol):
    """One space that the daemon looks after."""

    @property
    def space_id(self) -> str:
        """The space's id."""
        ...

    def status(self) -> dict[str, Any]:
        """Returns one element of `spaces` of the status."""
        ...

    async def tree(self, tree_id: str) -> RepTree:
        """Returns a tree to read. Raises NotFoundError."""
        ...

    async def tree_ids(self) -> list[str]:
        """Returns the ids of all trees, the space tree's too."""
        ...

    async def devices(self) -> Mapping[str, str]:
        """Returns the names of the devices behind peers, for the peers where one is known."""
        ...

    async def tree_facts(self, only: str | None = None) -> dict[str, TreeFacts]:
        """Returns what lists say of each tree, or of one, loading only what changed."""
        ...

    async def first_page(self, tree_id: str, vertex_id: str | None) -> FirstPage | None:
        """Returns children of a vertex without loading a large tree, where they are kept."""
        ...

    async def space(self) -> Space:
        """Returns the space tree, understood."""
        ...

    async def edit(
        self, tree_id: str, change: Callable[[RepTree], T], *, is_meant: bool = False
    ) -> T:
        """Applies a change; when it returns, the change is durable.

        Raises ProtectionError for one that deletes or overwrites a large share of the space,
        unless it is said to be meant.
        """
        ...

    async def sync_now(self) -> None:
        """Scans and exchanges; returns when there is nothing left to do. Raises RemoteError."""
        ...

    async def quarantined(
        self, server: str, way: Literal["refused", "set_aside"], after: int, limit: int
    ) -> Sequence[QuarantinedOp]:
        """Returns ops that a server refused or that it sent and are none, a page at a time."""
        ...

    async def retry_quarantined(self, server: str) -> tuple[int, int]:
        """Offers again what a server refused, and reads again what of its ops was set aside.

        Returns how many ops are offered, and how many can be read now.
        """
        ...

    async def acknowledge_quarantined(self, server: str) -> int:
        """Takes what a server sent and is no op as seen by a person; returns how much it is."""
        ...

    async def search(self, words: list[str], before: int | None, limit: int) -> Hits:
        """Returns properties with all words, the newest first."""
        ...

    async def secrets(self) -> dict[str, str]:
        """Returns all secrets by name."""
        ...

    async def set_secret(self, name: str, value: str | None) -> None:
        """Sets a secret, or removes it when the value is None."""
        ...

    async def put_blob(self, chunks: AsyncIterator[bytes]) -> tuple[str, int]:
        """Keeps bytes; returns their SHA-256 and how many they are."""
        ...

    def read_blob(self, blob: BlobReference) -> AsyncGenerator[bytes, None]:
        """Yields the bytes of a blob. Raises NotFoundError when they are not here."""
        ...


class SpaceKeeper(Protocol):
    """Which spaces there are, and how that changes."""

    async def named(self, reference: str) -> None:
        """Returns once a space is meant by that, or no name is missing; the wait has an end."""
        ...

    def find(self, reference: str) -> OpenSpace:
        """Returns the space meant by id, unique prefix, name or path. Raises NotFoundError."""
        ...

    def all(self) -> list[OpenSpace]:
        """Returns all spaces, in the order they were added."""
        ...

    def entries(self) -> list[SpaceEntry]:
        """Returns the list of spaces as it is kept over restarts, with each one's state."""
        ...

    async def create(
        self, address: str, name: str, servers: list[str], secrets: SecretsPolicy
    ) -> SpaceAdded:
        """Makes a space and looks after it."""
        ...

    async def add(self, path: str, servers: list[str], secrets: SecretsPolicy) -> SpaceAdded:
        """Looks after an existing folder."""
        ...

    async def clone(
        self,
        url: str,
        space_id: str,
        path: str | None,
        secrets: SecretsPolicy,
        fetch: FetchPolicy,
    ) -> SpaceAdded:
        """Brings a space from a server."""
        ...

    async def remove(self, reference: str) -> SpaceRemoved:
        """Stops looking after a space; deletes nothing in its folder."""
        ...

    async def move(self, reference: str, path: str) -> SpaceMoved:
        """Moves the folder of a space, or gives one to a space without."""
        ...

    async def pause(self, reference: str, seconds: float | None) -> int | None:
        """Pauses a space; returns until when, in Unix milliseconds."""
        ...

    async def resume(self, reference: str) -> None:
        """Ends a pause."""
        ...

    async def set_fetch(self, reference: str, fetch: FetchPolicy) -> FetchPolicy:
        """Says which files of a space come to this machine unasked."""
        ...

    async def add_server(
        self, reference: str, url: str, secrets: SecretsPolicy | None
    ) -> SpaceServer:
        """Mirrors a space to one more server; None leaves the secrets as they are."""
        ...

    async def remove_server(self, reference: str, url: str) -> None:
        """Stops mirroring a space to a server; deletes nothing there."""
        ...

    async def remote_list(self, url: str) -> list[dict[str, Any]]:
        """Returns the spaces of an account on a server."""
        ...


class Accounts(Protocol):
    """Who is signed in where."""

    async def sign_in(
        self,
        url: str,
        *,
        email: str | None,
        password: str | None,
        token: str | None,
        insecure: bool,
    ) -> SignedIn:
        """Signs in and keeps the tokens. Raises RemoteError."""
        ...

    async def sign_out(self, url: str) -> None:
        """Forgets the tokens of a server. Raises NotFoundError."""
        ...

    def servers(self) -> list[ServerEntry]:
        """Returns all servers that somebody is signed in to."""
        ...


class Process(Protocol):
    """The daemon itself."""

    def version(self) -> Version:
        """Returns which daemon this is."""
        ...

    def status(self) -> DaemonStatus:
        """Returns how the process is doing."""
        ...

    def request_stop(self) -> None:
        """Begins to end the daemon; returns at once."""
        ...

    def reload(self) -> None:
        """Reads the configuration again. Raises UsageError and keeps the old one."""
        ...
