"""`outbox.*`: what waits for folders and servers, and the ops that need somebody."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from sila_daemon.control import messages, results
from sila_daemon.core.errors import NotFoundError, UsageError
from sila_daemon.core.op_codec import encode_typed_line
from sila_daemon.core.ops import PropertyOp

if TYPE_CHECKING:
    from sila_daemon.control.connection import Handler
    from sila_daemon.control.handlers.local_files import LocalFiles
    from sila_daemon.control.host import OpenSpace, QuarantinedOp, SpaceKeeper

LISTED_MAX = 100
"""Ops of one server and way in a list; an export has them all."""

PAGE_OPS = 500
_WAYS: tuple[Literal["refused", "set_aside"], ...] = ("refused", "set_aside")


class OutboxHandlers:
    """Lists, offers again and writes out."""

    def __init__(self, spaces: SpaceKeeper, local: LocalFiles) -> None:
        self._spaces = spaces
        self._local = local

    def routes(self) -> dict[str, Handler]:
        """Returns the methods of this group."""
        return {
            "outbox.list": self.list,
            "outbox.retry": self.retry,
            "outbox.acknowledge": self.acknowledge,
            "outbox.export": self.export,
        }

    async def list(self, params: messages.StatusParams) -> results.Outbox:
        """Lists what waits for a folder or a server, and the ops that need somebody."""
        every = self._spaces.all() if params.space is None else [self._spaces.find(params.space)]
        waiting: list[results.OutboxEntry] = []
        found: list[results.OutboxOp] = []
        for space in every:
            waiting += [entry for entry in _waiting(space.status()) if _is_worth_telling(entry)]
            for url in _servers(space, None):
                found += await _listed(space, url)
        total = sum(entry.refused + entry.set_aside for entry in waiting)
        told = sum(not op.acknowledged for op in found)
        return results.Outbox(waiting=waiting, ops=found, more=max(0, total - told))

    async def retry(self, params: messages.OutboxParams) -> results.Retried:
        """Offers again what servers refused, and reads again what was set aside."""
        space = self._spaces.find(params.space)
        offered = read = 0
        for url in _servers(space, params.server):
            counts = await space.retry_quarantined(url)
            offered += counts[0]
            read += counts[1]
        return results.Retried(offered=offered, read=read)

    async def acknowledge(self, params: messages.OutboxParams) -> results.Acknowledged:
        """Takes what was set aside as seen by a person."""
        space = self._spaces.find(params.space)
        urls = _servers(space, params.server)
        counts = [await space.acknowledge_quarantined(url) for url in urls]
        return results.Acknowledged(count=sum(counts))

    async def export(self, params: messages.OutboxExportParams) -> results.OutboxExported:
        """Writes the ops that need somebody to a local file, one JSON object a line."""
        target = Path(params.target)
        if not target.is_absolute():
            raise UsageError("the daemon needs absolute paths", code="invalid_params")
        space = self._spaces.find(params.space)
        counted = _Counted(space, _servers(space, params.server))
        size = await self._local.write(target, counted.lines(), overwrite=params.overwrite)
        return results.OutboxExported(target=str(target), ops=counted.count, size=size)


class _Counted:
    """The ops of some servers as lines, counted as they are read."""

    def __init__(self, space: OpenSpace, urls: list[str]) -> None:
        self._space = space
        self._urls = urls
        self.count = 0

    async def lines(self) -> AsyncIterator[bytes]:
        """Yields lines in chunks."""
        for url in self._urls:
            for way in _WAYS:
                after = 0
                while page := await self._space.quarantined(url, way, after, PAGE_OPS):
                    after = page[-1].number
                    self.count += len(page)
                    yield b"".join(_line(entry) for entry in page)


def _line(entry: QuarantinedOp) -> bytes:
    """Writes an op as a typed line of the folder, or the text that is none, with the reason."""
    members: list[tuple[str, bytes]] = [
        ("server", msgspec.json.encode(entry.server)),
        ("way", msgspec.json.encode(entry.way)),
        ("tree", msgspec.json.encode(entry.tree_id)),
    ]
    if entry.op is not None:
        members.append(("peer", msgspec.json.encode(entry.op.peer)))
        members.append(("op", encode_typed_line(entry.op).rstrip(b"\n")))
    if entry.raw is not None:
        members.append(("text", msgspec.json.encode(entry.raw.decode(errors="replace"))))
    members += [
        ("code", msgspec.json.encode(entry.code)),
        ("message", msgspec.json.encode(entry.message)),
        ("at", b"%d" % entry.at_ms),
    ]
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), text) for name, text in members) + b"}\n"


async def _listed(space: OpenSpace, url: str) -> list[results.OutboxOp]:
    return [
        _shown(space, entry)
        for way in _WAYS
        for entry in await space.quarantined(url, way, 0, LISTED_MAX)
    ]


def _shown(space: OpenSpace, entry: QuarantinedOp) -> results.OutboxOp:
    op = entry.op
    return results.OutboxOp(
        space=space.space_id,
        server=entry.server,
        way=entry.way,
        tree=entry.tree_id,
        counter=None if op is None else op.counter,
        peer=None if op is None else op.peer,
        vertex=None if op is None else op.target,
        key=op.key if isinstance(op, PropertyOp) else None,
        code=entry.code,
        message=entry.message,
        at=entry.at_ms,
        acknowledged=entry.is_acknowledged,
    )


def _servers(space: OpenSpace, server: str | None) -> list[str]:
    """Returns the servers meant: one, or all that the space has. Raises NotFoundError."""
    urls = [str(remote["url"]) for remote in space.status()["remotes"]]
    if server is None:
        return urls
    url = server.rstrip("/")
    if url not in urls:
        raise NotFoundError(
            f"the space is not mirrored to {url!a:.200}",
            code="no_server",
            hint="see its servers with: sila-daemon status SPACE",
        )
    return [url]


def _is_worth_telling(entry: results.OutboxEntry) -> bool:
    is_waiting = entry.ops or entry.files or entry.set_aside
    return bool(is_waiting) or entry.state in ("needs_you", "broken")


def _waiting(status: dict[str, Any]) -> Iterator[results.OutboxEntry]:
    folder = status.get("folder")
    if folder is not None:
        yield results.OutboxEntry(
            space=status["id"],
            name=status["name"],
            to="folder",
            ops=folder["pendingOps"],
            files=0,
            bytes=0,
            refused=0,
            set_aside=0,
            oldest_at=None,
            state=status["state"] if folder["pendingOps"] else "current",
            reason=status["reason"] if folder["pendingOps"] else "",
        )
    for remote in status["remotes"]:
        yield results.OutboxEntry(
            space=status["id"],
            name=status["name"],
            to=remote["url"],
            ops=remote["pendingOps"],
            files=remote["pendingFiles"],
            bytes=remote["pendingBytes"],
            refused=remote["refusedOps"],
            set_aside=remote["setAsideOps"],
            oldest_at=remote["oldestPendingAt"],
            state=remote["state"],
            reason=remote["reason"] or "",
        )
