"""`daemon.*`: the process and how everything is doing."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

    def _chosen(self, reference: str | None) -> list[OpenSpace]:
        return self._spaces.all() if reference is None else [self._spaces.find(reference)]
