"""Mutable files of one space, named by a UUID: each content has a number, its revision."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sila_daemon.core import ids
from sila_daemon.core.errors import NotFoundError, StorageError
from sila_daemon.server.files import file_rows
from sila_daemon.server.files.file_rows import VarFacts, VarState

if TYPE_CHECKING:
    import apsw

    from sila_daemon.folder.blob_writer import BlobWriter
    from sila_daemon.ports.disk import ReadableFile
    from sila_daemon.server.files.file_store import FileStore, Sent


LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VarPut:
    """What became of bytes sent for a mutable file."""

    is_current: bool
    """False: somebody else was faster; the bytes are kept as a side revision."""
    revision: int
    """Of the bytes that were sent."""
    current: VarState


class VarFiles:
    """Stores, finds and opens them."""

    def __init__(self, store: FileStore) -> None:
        self._store = store

    async def state(self, uuid: str) -> VarState | None:
        """Returns the current state of a file; None when it was never stored."""
        return await self._store.database.read(
            lambda connection: file_rows.var_state(connection, uuid)
        )

    async def revisions(self, uuid: str, before: int) -> list[dict[str, Any]]:
        """Returns a page of the revisions below a number: the last ones, oldest first."""
        return await self._store.database.read(
            lambda connection: file_rows.revisions(connection, uuid, before)
        )

    async def open(self, uuid: str) -> tuple[ReadableFile, VarState]:
        """Opens a file as it is now. Raises NotFoundError."""
        async with self._store.lock(uuid):
            state = await self._settled(uuid)
            if state is None:
                raise NotFoundError("there is no such file", code="blob_missing")
            blobs = self._store.blobs
            return await self._store.workers.run(lambda: blobs.open_var(uuid)), state

    async def enter_strays(self) -> None:
        """Enters contents that have no row, as a crash between bytes and row leaves them.

        One that cannot be read, or not be made durable, keeps nobody from the others.
        """
        store = self._store
        for uuid in await store.workers.run(lambda: list(store.blobs.list_var())):
            try:
                async with store.lock(uuid):
                    await self._settled(uuid)
            except (NotFoundError, StorageError) as error:
                LOG.warning("the file %s is left as it is known: %s", uuid, error)
                store.has_failed()

    async def _settled(self, uuid: str) -> VarState | None:
        """Returns the state of a file whose lock is held, as its bytes really are.

        A crash, or a full disk, between the bytes and their row leaves bytes that no revision
        knows: they become the next one, once they are durable. The time of the file's last change
        tells.
        """
        store = self._store
        state = await self.state(uuid)
        changed_at = await store.workers.run(lambda: self._changed_at(uuid))
        if changed_at is None or (state is not None and state.changed_at == changed_at):
            return state
        blob = await store.workers.run(lambda: store.blobs.stat_var(uuid))
        if state is None or state.sha256 != blob.sha256:
            await store.workers.run(lambda: store.blobs.make_var_durable(blob))
            facts = VarFacts(blob.sha256, blob.size, changed_at, "", "")
            return (await self._number(uuid, facts, is_side=False)).current
        await store.write(
            lambda connection: connection.execute(
                "UPDATE var_files SET changed_at = ? WHERE id = ?", (changed_at, uuid)
            )
        )
        return state

    def _changed_at(self, uuid: str) -> int | None:
        if not self._store.blobs.has_var(uuid):
            return None
        with self._store.blobs.open_var(uuid) as file:
            return file.stat().modified_ns

    async def put(
        self, uuid: str, chunks: AsyncIterable[bytes], expected: int | None, sent: Sent
    ) -> VarPut:
        """Replaces a file if its revision is `expected` (None: if there is none yet).

        Otherwise the bytes become a side revision, kept among the immutable files; unless they
        are those that are here already, as after an answer that was lost.
        """
        ids.checked_uuid(uuid)
        store = self._store
        with store.ledger.reserve(sent.sender, sent.length or 0) as room:
            writer = await store.filled(chunks, room)
            try:
                async with store.lock(uuid):
                    return await self._put(uuid, writer, expected, sent)
            finally:
                await store.workers.run(writer.abort)

    async def _put(self, uuid: str, writer: BlobWriter, expected: int | None, sent: Sent) -> VarPut:
        store = self._store
        state = await self._settled(uuid)
        if (state.revision if state else None) == expected:
            # The bytes first: whatever interrupts us, they are then found by the next look at
            # this file.
            async with store.unsettled():
                blob = await store.workers.run(lambda: writer.finish_var(uuid))
                changed_at = await store.workers.run(lambda: self._changed_at(uuid)) or 0
                facts = VarFacts(blob.sha256, blob.size, changed_at, sent.sender, sent.mime_type)
                return await self._number(uuid, facts, is_side=False)
        sha256 = writer.sha256
        if state is not None and state.sha256 == sha256:
            return VarPut(True, state.revision, state)
        async with store.lock(sha256), store.unsettled():
            kept = await store.workers.run(writer.finish_static)
            facts = VarFacts(kept.hash, kept.size, 0, sent.sender, sent.mime_type)
            return await self._number(uuid, facts, is_side=True)

    async def _number(self, uuid: str, facts: VarFacts, *, is_side: bool) -> VarPut:
        now = self._store.now_ms()

        def work(connection: apsw.Connection) -> VarPut:
            revision = file_rows.enter_revision(connection, uuid, facts, now, is_side=is_side)
            state = file_rows.var_state(connection, uuid) or VarState(0, "", 0, 0)
            return VarPut(not is_side, revision, state)

        return await self._store.write(work)
