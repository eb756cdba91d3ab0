"""`daemon.*`, `outbox.list` and `space.list`: the process and how everything is doing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sila_daemon.control import messages, results

if TYPE_CHECKING:
    from sila_daemon.control.connection import Handler
    from sila_daemon.control.host import OpenSpace, Process, SpaceKeeper


class DaemonHandlers:
    """Answers questions about the daemon."""

    def __init__(self, process: Process, spaces: SpaceKeeper) -> None:
        self._process = process
        self._spaces = spaces

    def routes(self) -> dict[str, Handler]:
        """Returns the methods of this group."""
        return {
            "daemon.version": self.version,
            "daemon.status": self.status,
            "daemon.reload": self.reload,
            "daemon.stop": self.stop,
            "outbox.list": self.outbox,
        }

    async def version(self, params: messages.NoParams) -> results.Version:
        """Says which daemon this is."""
        return self._process.version()

    async def status(self, params: messages.StatusParams) -> results.Status:
        """Says how the daemon and its spaces are doing."""
        spaces = [space.status() for space in self._chosen(params.space)]
        return results.Status(daemon=self._process.status(), spaces=spaces)

    async def reload(self, params: messages.NoParams) -> results.Done:
        """Takes over what changed in the configuration."""
        self._process.reload()
        return results.Done()

    async def stop(self, params: messages.NoParams) -> results.Done:
        """Begins to end the daemon."""
        self._process.request_stop()
        return results.Done()

    async def outbox(self, params: messages.StatusParams) -> results.Outbox:
        """Lists what waits for a folder or a server."""
        waiting = [
            entry
            for space in self._chosen(params.space)
            for entry in _waiting(space.status())
            if entry.ops or entry.files or entry.state in ("needs_you", "broken")
        ]
        return results.Outbox(waiting=waiting)

    def _chosen(self, reference: str | None) -> list[OpenSpace]:
        return self._spaces.all() if reference is None else [self._spaces.find(reference)]


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
            oldest_at=remote["oldestPendingAt"],
            state=remote["state"],
            reason=remote["reason"] or "",
        )
