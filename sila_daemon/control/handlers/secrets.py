"""`secret.*`: the secrets of a space; only `secret.get` gives a value away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.control import messages, results
from sila_daemon.core.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from sila_daemon.control.connection import Handler
    from sila_daemon.control.host import SpaceKeeper

NAME_CHARACTERS_MAX = 256


class SecretHandlers:
    """Reads and changes secrets."""

    def __init__(self, spaces: SpaceKeeper) -> None:
        self._spaces = spaces

    def routes(self) -> dict[str, Handler]:
        """Returns the methods of this group."""
        return {
            "secret.list": self.list,
            "secret.get": self.get,
            "secret.set": self.set,
            "secret.unset": self.unset,
        }

    async def list(self, params: messages.SpaceParams) -> results.SecretNames:
        """Lists names."""
        return results.SecretNames(names=sorted(await self._spaces.find(params.space).secrets()))

    async def get(self, params: messages.SecretParams) -> results.Secret:
        """Gives one value."""
        value = (await self._spaces.find(params.space).secrets()).get(params.name)
        if value is None:
            raise _missing(params.name)
        return results.Secret(name=params.name, value=value)

    async def set(self, params: messages.SetSecretParams) -> results.Done:
        """Sets one value."""
        if not 0 < len(params.name) <= NAME_CHARACTERS_MAX:
            raise UsageError(f"the name of a secret has 1 to {NAME_CHARACTERS_MAX} characters")
        await self._spaces.find(params.space).set_secret(params.name, params.value)
        return results.Done()

    async def unset(self, params: messages.SecretParams) -> results.Done:
        """Removes one secret, here and wherever the space is mirrored to."""
        space = self._spaces.find(params.space)
        if params.name not in await space.secrets():
            raise _missing(params.name)
        await space.set_secret(params.name, None)
        return results.Done()


def _missing(name: str) -> NotFoundError:
    return NotFoundError(
        f"this space has no secret {name!a:.80}",
        code="no_secret",
        hint="see the names with: sila-daemon secret list SPACE",
    )
