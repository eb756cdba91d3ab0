"""`space.*`: which spaces the daemon looks after, and where they are mirrored to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sila_daemon.control import messages, results

if TYPE_CHECKING:
    from sila_daemon.control.connection import Handler
    from sila_daemon.control.host import SpaceKeeper


class SpaceHandlers:
    """Adds, changes and lets go of spaces."""

    def __init__(self, spaces: SpaceKeeper) -> None:
        self._spaces = spaces

    def routes(self) -> dict[str, Handler]:
        """Returns the methods of this group."""
        return {
            "space.list": self.list,
            "space.create": self.create,
            "space.add": self.add,
            "space.clone": self.clone,
            "space.remove": self.remove,
            "space.move": self.move,
            "space.pause": self.pause,
            "space.resume": self.resume,
            "space.sync": self.sync,
            "space.remote_list": self.remote_list,
            "space.set_fetch": self.set_fetch,
            "space.add_server": self.add_server,
            "space.remove_server": self.remove_server,
        }

    async def list(self, params: messages.NoParams) -> results.Spaces:
        """Lists all spaces."""
        return results.Spaces(spaces=self._spaces.entries())

    async def create(self, params: messages.CreateParams) -> results.SpaceAdded:
        """Makes a space."""
        return await self._spaces.create(
            params.address, params.name, params.servers, params.secrets
        )

    async def add(self, params: messages.AddParams) -> results.SpaceAdded:
        """Looks after a folder."""
        return await self._spaces.add(params.path, params.servers, params.secrets)

    async def clone(self, params: messages.CloneParams) -> results.SpaceAdded:
        """Brings a space from a server."""
        return await self._spaces.clone(
            params.url, params.id, params.path, params.secrets, _policy(params)
        )

    async def remove(self, params: messages.SpaceParams) -> results.SpaceRemoved:
        """Stops looking after a space."""
        return await self._spaces.remove(params.space)

    async def move(self, params: messages.MoveParams) -> results.SpaceMoved:
        """Moves the folder of a space."""
        return await self._spaces.move(params.space, params.path)

    async def pause(self, params: messages.PauseParams) -> results.Paused:
        """Pauses a space."""
        return results.Paused(until=await self._spaces.pause(params.space, params.seconds))

    async def resume(self, params: messages.SpaceParams) -> results.Done:
        """Ends a pause."""
        await self._spaces.resume(params.space)
        return results.Done()

    async def sync(self, params: messages.SpaceParams) -> dict[str, Any]:
        """Scans and exchanges now; answers with the status afterwards."""
        space = self._spaces.find(params.space)
        await space.sync_now()
        return space.status()

    async def remote_list(self, params: messages.UrlParams) -> results.RemoteSpaces:
        """Lists the spaces on a server."""
        return results.RemoteSpaces(spaces=await self._spaces.remote_list(params.url))

    async def set_fetch(self, params: messages.FetchParams) -> results.FetchPolicy:
        """Says which files of a space come here by themselves."""
        return await self._spaces.set_fetch(params.space, _policy(params))

    async def add_server(self, params: messages.AddServerParams) -> results.SpaceServer:
        """Adds a server to a space."""
        return await self._spaces.add_server(params.space, params.url, params.secrets)

    async def remove_server(self, params: messages.SpaceServerParams) -> results.Done:
        """Removes a server from a space."""
        await self._spaces.remove_server(params.space, params.url)
        return results.Done()


def _policy(params: messages.Conditions) -> results.FetchPolicy:
    return results.FetchPolicy(
        on_demand=params.on_demand,
        newer_than_days=params.newer_than_days,
        up_to_bytes=params.up_to_bytes,
    )
