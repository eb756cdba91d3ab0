"""The blobs that are on this machine: in the space's folder, or beside its store."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

from sila_daemon.core.errors import (
    NotFoundError,
    ProtectionError,
    StorageError,
)
from sila_daemon.folder.blob_batch import BATCHES_AT_ONCE, FILES_MAX, put_together
from sila_daemon.folder.blob_writer import CHUNK_BYTES
from sila_daemon.folder.blobs import BlobFolder, keep_var
from sila_daemon.folder.problems import Problem, storage_errors
from sila_daemon.mirror.blob_scan import BlobScan
from sila_daemon.mirror.static_checks import StaticChecks
from sila_daemon.mirror.wakes import News
from sila_daemon.store.blobs import STATIC, VAR, BlobName, Blobs, LocalBlob
from sila_daemon.store.static_looks import StaticLook, StaticLooks, look_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence
    from pathlib import Path

    from sila_daemon.folder.blob_writer import BlobWriter, StaticBlob
    from sila_daemon.mirror.record import MirrorPorts
    from sila_daemon.mirror.wakes import Wakes
    from sila_daemon.ports.disk import FileStat, ReadableFile


class LocalBlobs:
    """Reads and writes blobs, and keeps the store's list of them true."""

    def __init__(
        self,
        files_dir: Path,
        ports: MirrorPorts,
        blobs: Blobs,
        looks: StaticLooks,
        wakes: Wakes,
        grace_s: float,
        require_place: Callable[[], object] = lambda: None,
        *,
        has_servers: bool = False,
        unsure_dir: Path | None = None,
    ) -> None:
        """`require_place` raises NotFoundError while the space is not where it should be.

        A file that is not what its name says has `grace_s` to become so. `unsure_dir` is where
        `BlobFolder` keeps its notes.
        """
        self._require_place = require_place
        self._files_dir = files_dir
        self._ports = ports
        self._blobs = blobs
        self._wakes = wakes
        self._folder = BlobFolder(files_dir, ports.disk, ports.randomness, unsure_dir=unsure_dir)
        self.checks = StaticChecks(
            files_dir, self._folder, ports, blobs, looks, wakes, grace_s, has_servers=has_servers
        )
        self.scanner = BlobScan(files_dir, self._folder, ports, blobs, looks, self.checks, wakes)
        self._replacing = asyncio.Lock()
        self._storing = asyncio.Semaphore(BATCHES_AT_ONCE)

    @property
    def problems(self) -> list[Problem]:
        """What was in the way at the last scan."""
        return self.scanner.problems

    @property
    def is_scan_due(self) -> bool:
        """Whether events named files that nobody has looked at."""
        return self.scanner.is_due

    def heard(self, paths: Iterable[Path]) -> frozenset[Path]:
        """Takes note of events of files; returns the others."""
        return self.scanner.heard(paths)

    async def scan(self, *, is_full: bool = True) -> None:
        """Compares the disk, or what may have changed there, with the store's list.

        The caller knows that the root is there.
        """
        await self.scanner.run(is_full=is_full)

    async def scan_again(self) -> None:
        """Tries again what could not be read, until all is; for a space that nobody else scans."""
        clock, scanner = self._ports.clock, self.scanner
        while scanner.next_due is not None:
            await clock.sleep(max(0.0, scanner.next_due - clock.monotonic()))
            with suppress(StorageError):
                await self.scan(is_full=False)

    async def put(self, chunks: AsyncIterator[bytes]) -> LocalBlob:
        """Keeps bytes as an immutable blob; durable and owed to servers when this returns."""
        return await self._written(chunks, None, None, None)

    async def receive(
        self,
        blob: BlobName,
        chunks: AsyncIterator[bytes],
        source: str,
        *,
        replaced: LocalBlob | None = None,
    ) -> LocalBlob:
        """Keeps what a server sent, over the content `replaced` of a mutable blob.

        Raises CorruptBlobError for a wrong hash, ProtectionError when another content is here
        by then, StorageError, also where the space's folder is away.
        """
        try:
            return await self._written(chunks, blob, source, replaced)
        except NotFoundError as error:
            # Said apart from a file that the server does not have: this one is to be asked again.
            raise StorageError(error.message, code="folder_away") from error

    async def adopt(self, blob: BlobName, path: Path, source: str, *, is_sound: bool) -> LocalBlob:
        """Makes an immutable file of one that came in parts; durable when this returns.

        `is_sound` says that one sync makes it durable where it stands; else it is written again.
        Raises CorruptBlobError when the bytes are not what the name says, StorageError.
        """
        try:
            local, stat = await self._ports.workers.run(
                lambda: self._adopted(blob, path, is_sound=is_sound)
            )
        except NotFoundError as error:
            raise StorageError(error.message, code="folder_away") from error
        looks = {local.sha256: look_of(stat, is_right=True)} if stat else None
        await self._blobs.arrived([local], source=source, looks=looks)
        self.checks.received(local.sha256)
        self._wakes.ring(News.BLOBS)
        return local

    def _adopted(
        self, blob: BlobName, path: Path, *, is_sound: bool
    ) -> tuple[LocalBlob, FileStat | None]:
        disk = self._ports.disk
        with self._begun() as writer, storage_errors("store a file"):
            here, there = disk.stat(self._files_dir), disk.stat(path)
            is_sound = is_sound and blob.name not in self._folder.unsure
            if is_sound and here is not None and there is not None and here.device == there.device:
                static = self._folder.adopt_static(path, blob.name)
                local = LocalBlob(blob, static.size, static.hash)
                return local, self._folder.static_stat(static.hash)
            with disk.open_read(path) as file:
                while chunk := file.read_at(writer.size, CHUNK_BYTES):
                    writer.write(chunk)
            return self._static(writer, blob)

    async def receive_small(
        self, files: Sequence[tuple[BlobName, bytes]], source: str
    ) -> list[LocalBlob]:
        """Keeps immutable files that a server sent, durable when this returns.

        Those whose bytes are not what their name says are left out. Raises StorageError.
        """
        run, kept, looks = self._ports.workers.run, list[LocalBlob](), dict[str, StaticLook]()
        try:
            for start in range(0, len(files), FILES_MAX):
                some = [(blob.name, data) for blob, data in files[start : start + FILES_MAX]]
                async with self._storing:
                    stored = await put_together(
                        self._folder, self._ports.workers, some, self._require_place
                    )
                looks |= await run(lambda stored=stored: self._looks_of(stored))  # type: ignore[misc]
                kept += [
                    LocalBlob(BlobName(STATIC, static.hash), static.size, static.hash)
                    for static in stored
                ]
        except NotFoundError as error:
            raise StorageError(error.message, code="folder_away") from error
        await self._blobs.arrived(kept, source=source, looks=looks)
        for local in kept:
            self.checks.received(local.sha256)
        self._wakes.ring(News.BLOBS)
        return kept

    def _looks_of(self, stored: Iterable[StaticBlob]) -> dict[str, StaticLook]:
        stats = {static.hash: self._folder.static_stat(static.hash) for static in stored}
        return {name: look_of(stat, is_right=True) for name, stat in stats.items() if stat}

    async def replace(
        self, blob: BlobName, chunks: AsyncIterator[bytes], replaced: LocalBlob | None
    ) -> LocalBlob:
        """Gives a mutable blob another content; durable and owed to servers when this returns.

        Raises ProtectionError when another content than `replaced` is here, StorageError.
        """
        return await self._written(chunks, blob, None, replaced)

    async def _written(
        self,
        chunks: AsyncIterator[bytes],
        blob: BlobName | None,
        source: str | None,
        replaced: LocalBlob | None,
    ) -> LocalBlob:
        run = self._ports.workers.run
        with await run(self._begun) as writer:
            async for chunk in chunks:
                await run(lambda data=chunk: writer.write(data))  # type: ignore[misc]
            if blob is None or blob.kind != VAR:
                local, stat = await run(lambda: self._static(writer, blob))
                looks = {local.sha256: look_of(stat, is_right=True)} if stat else None
                await self._blobs.arrived([local], source=source, looks=looks)
                self.checks.received(local.sha256)
            else:
                # Before: between the look at what is there and its end nothing takes long.
                await run(writer.sync)
                with suppress(NotFoundError, StorageError):
                    await run(lambda: self.scanner.var.one(blob.name))
                # And one after the other: what is compared, replaced and noted.
                async with self._replacing:
                    local = await run(lambda: self._replaced(writer, blob, replaced))
                    await self._blobs.arrived([local], source=source)
        self._wakes.ring(News.BLOBS)
        return local

    async def read(
        self, blob: BlobName, offset: int = 0, *, is_sent: bool = False
    ) -> AsyncIterator[bytes]:
        """Yields a blob's bytes from an offset on.

        When it `is_sent`, those of a mutable one are durable before this ends. Raises
        NotFoundError, CorruptBlobError, StorageError.
        """
        run = self._ports.workers.run
        if blob.kind == STATIC:
            await self.checks.require_right(blob.name)
        file = await run(lambda: _opened(self._folder, blob))
        try:
            while True:
                chunk = await run(lambda at=offset: _read_at(file, at))  # type: ignore[misc]
                if not chunk:
                    break
                yield chunk
                offset += len(chunk)
            if is_sent and blob.kind == VAR:
                # Somebody may have written since it was looked at: a power cut would take that
                # back, and what was there before would pass for newer.
                await run(lambda: keep_var(self._folder, blob.name, file))
        finally:
            file.close()

    async def read_small(self, names: Sequence[str], size_max: int) -> dict[str, bytes]:
        """Returns immutable files whose bytes are what their names say; leaves out the others.

        None has more than `size_max` bytes.
        """

        def work() -> dict[str, bytes]:
            found = {}
            for name in names:
                with (
                    suppress(NotFoundError, StorageError),
                    self._folder.open_static(name) as file,
                    storage_errors("read a file"),
                ):
                    data = file.read_at(0, size_max)
                    if hashlib.sha256(data).hexdigest() == name:
                        found[name] = data
            return found

        return await self._ports.workers.run(work)

    async def has(self, blob: BlobName) -> bool:
        """Tells whether a blob is on this machine."""
        if blob.kind == STATIC and not await self._blobs.is_here(blob):
            return False  # What stands there may be cut short.
        has = self._folder.has_static if blob.kind == STATIC else self._folder.has_var
        return await self._ports.workers.run(lambda: has(blob.name))

    def _begun(self) -> BlobWriter:
        self._require_place()
        return self._folder.writer()

    def _static(
        self, writer: BlobWriter, blob: BlobName | None
    ) -> tuple[LocalBlob, FileStat | None]:
        self._require_place()
        static = writer.finish_static(None if blob is None else blob.name)
        local = LocalBlob(BlobName(STATIC, static.hash), static.size, static.hash)
        return local, self._folder.static_stat(static.hash)

    def _replaced(
        self, writer: BlobWriter, blob: BlobName, replaced: LocalBlob | None
    ) -> LocalBlob:
        self._require_place()
        with self._folder.naming_var:
            if self.scanner.var.one(blob.name) != replaced:
                raise ProtectionError(f"the file {blob.name} was changed here", code="changed")
            var = writer.finish_var(blob.name)
        return LocalBlob(blob, var.size, var.sha256)


def _opened(folder: BlobFolder, blob: BlobName) -> ReadableFile:
    if blob.kind == STATIC:
        return folder.open_static(blob.name)
    if blob.kind == VAR:
        return folder.open_var(blob.name)
    raise NotFoundError(f"there are no {blob.kind} files")


def _read_at(file: ReadableFile, offset: int) -> bytes:
    with storage_errors("read a file"):
        return file.read_at(offset, CHUNK_BYTES)
