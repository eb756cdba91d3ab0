"""What commands and screens read and change of an open space."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeVar

from sila_daemon.core.errors import NotFoundError, ProtectionError
from sila_daemon.core.space import Space
from sila_daemon.core.undo import recorded
from sila_daemon.mirror.app_trees import AppTrees
from sila_daemon.mirror.file_choices import FileChoices
from sila_daemon.mirror.file_fetches import FileFetches
from sila_daemon.mirror.held_changes import HeldChanges
from sila_daemon.mirror.transfers import Transfers
from sila_daemon.mirror.undo_stack import UndoStack
from sila_daemon.mirror.wakes import News
from sila_daemon.store.blobs import BlobName
from sila_daemon.store.quarantine import Quarantine
from sila_daemon.store.space_store import Delivery

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from sila_daemon.core.files_view import BlobReference
    from sila_daemon.core.first_pages import FirstPage
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.core.tree_facts import TreeFacts
    from sila_daemon.mirror.layers import Layers
    from sila_daemon.mirror.record import Device
    from sila_daemon.mirror.remote_layer import RemoteLayer
    from sila_daemon.mirror.space_search import Hits
    from sila_daemon.mirror.wakes import Wakes
    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.randomness import Randomness
    from sila_daemon.store.quarantine import QuarantinedOp, Way

T = TypeVar("T")


class SpaceAccess(ABC):
    """Trees, secrets and files of one space. Everything waits until the space is open."""

    def __init__(
        self, space_id: str, clock: Clock, randomness: Randomness, wakes: Wakes, device: Device
    ) -> None:
        self.space_id = space_id
        self.held = HeldChanges(self._ready_layers, clock, wakes)
        self.file_choices = FileChoices(self._ready_layers, wakes)
        self.file_fetches = FileFetches(self._ready_layers, wakes, self._is_paused)
        self.transfers = Transfers(clock)
        self.undo_stack = UndoStack(self._ready_layers, clock)
        self.app_trees = AppTrees(space_id, self._ready_layers, randomness, self.undo_stack)
        self._clock = clock
        self._news = wakes
        self._device = device

    @abstractmethod
    async def _ready_layers(self) -> Layers:
        """Returns the open space's parts. Raises StorageError when it cannot be opened."""

    @abstractmethod
    def _is_paused(self) -> bool:
        """Tells whether somebody wants no exchange now."""

    async def tree(self, tree_id: str) -> RepTree:
        """Returns a tree to read. Raises NotFoundError, StorageError."""
        return await (await self._ready_layers()).trees.get(tree_id)

    async def tree_ids(self) -> list[str]:
        """Returns the ids of all trees, the space tree's too."""
        return await (await self._ready_layers()).store.tree_ids()

    async def devices(self) -> dict[str, str]:
        """Returns the name of this machine for the peers that edits were made under here since
        the daemon started; an op tells of no other device which one it was made on."""
        own_peers = (await self._ready_layers()).trees.own_peers
        return dict.fromkeys(own_peers, self._device.name)

    async def tree_facts(self, only: str | None = None) -> dict[str, TreeFacts]:
        """Returns what lists say of each tree, or of one. Raises StorageError."""
        return await (await self._ready_layers()).catalog.facts(only)

    async def first_page(self, tree_id: str, vertex_id: str | None) -> FirstPage | None:
        """Returns children of a vertex without loading a large tree, where they are kept."""
        return await (await self._ready_layers()).catalog.first_page(tree_id, vertex_id)

    async def space(self) -> Space:
        """Returns the space tree, understood. Raises NotFoundError before its first op came."""
        return Space(await self.tree(self.space_id))

    async def edit(
        self, tree_id: str, change: Callable[[RepTree], T], *, is_meant: bool = False
    ) -> T:
        """Applies a change; when this returns, it is durable. When it raises, nothing is kept.

        Raises ProtectionError for one that deletes or overwrites a large share of the space,
        unless it is said to be meant.
        """
        layers = await self._ready_layers()
        result, step = await layers.intake.edit(
            [tree_id], lambda trees: recorded(trees[0], change), is_meant=is_meant
        )
        self.undo_stack.note(step)
        return result

    async def create_space(self, name: str) -> None:
        """Plants the space tree of a space that has no op yet. Raises ProtectionError."""
        layers = await self._ready_layers()
        if self.space_id in await layers.store.tree_ids():
            raise ProtectionError("the space exists already", code="exists")
        tree = Space.create(self.space_id, layers.trees.editor, name).tree
        ops = [(tree.tree_id, op) for op in tree.take_local_ops()]
        await layers.intake.deliver(Delivery(ops))

    async def quarantined(
        self, server: str, way: Way, after: int = 0, limit: int = 500
    ) -> list[QuarantinedOp]:
        """Returns ops that a server refused or that it sent and are none, a page at a time."""
        layers = await self._ready_layers()
        return await Quarantine(layers.store.database).page(server, way, after, limit)

    async def retry_quarantined(self, server: str) -> tuple[int, int]:
        """Offers again what a server refused, and reads again what of its ops was set aside.

        Returns how many ops are offered, and how many can be read now. Raises NotFoundError.
        """
        return await (await self._remote(server)).retry()

    async def acknowledge_quarantined(self, server: str) -> int:
        """Takes what a server sent and is no op as seen by a person; returns how much it is.

        Raises NotFoundError.
        """
        layers, remote = await self._ready_layers(), await self._remote(server)
        quarantine = Quarantine(layers.store.database)
        count = await quarantine.acknowledge(server, int(self._clock.time() * 1000))
        await remote.count_debt()
        self._news.ring(News.STATE)
        return count

    async def _remote(self, server: str) -> RemoteLayer:
        for remote in (await self._ready_layers()).remotes:
            if remote.status.url == server:
                return remote
        raise NotFoundError(f"the space is not mirrored to {server}", code="no_server")

    async def search(self, words: list[str], before: int | None, limit: int) -> Hits:
        """Returns properties with all words, the newest first. Raises StorageError."""
        return await (await self._ready_layers()).search.find(words, before, limit)

    async def secrets(self) -> dict[str, str]:
        """Returns all secrets by name."""
        return dict((await (await self._ready_layers()).secrets.load()).values)

    async def set_secret(self, name: str, value: str | None) -> None:
        """Sets a secret, or removes it everywhere with None; durable when this returns."""
        await (await self._ready_layers()).secrets.set(name, value)
        self._news.ring(News.SECRETS)

    async def put_blob(self, chunks: AsyncIterator[bytes]) -> tuple[str, int]:
        """Keeps bytes; returns their SHA-256 and how many they are. Raises StorageError."""
        local = await (await self._ready_layers()).local_blobs.put(chunks)
        return local.sha256, local.size

    async def read_blob(self, blob: BlobReference) -> AsyncGenerator[bytes, None]:
        """Yields the bytes of a blob. Raises NotFoundError when they are not here."""
        layers = await self._ready_layers()
        async for chunk in layers.local_blobs.read(BlobName(blob.kind.value, blob.name)):
            yield chunk
