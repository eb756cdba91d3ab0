"""Somebody at each device who edits at random and writes down what was acknowledged."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

from sila_daemon.core.errors import SilaError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.soak.programs import Device

PAUSE_S = 0.2
FILE_BYTES_MAX = 200_000


class Person:
    """Edits one space through one device."""

    def __init__(self, device: Device, space: str, random: Random, scratch: Path) -> None:
        self._device = device
        self._space = space
        self._random = random
        self._scratch = scratch
        self._own: list[str] = []
        """Vertices made here that nobody deletes."""
        self.values: dict[str, str] = {}
        """What was acknowledged last of each of them."""
        self.secrets: dict[str, str] = {}
        self.edits = 0
        self.failures = 0

    async def edit_until_cancelled(self) -> None:
        """One edit after the other; those that the daemon cannot take are forgotten."""
        while True:
            await asyncio.sleep(self._random.uniform(0, 2 * PAUSE_S))
            try:
                await self._edit()
            except (SilaError, OSError):
                self.failures += 1
            else:
                self.edits += 1

    async def _edit(self) -> None:
        kind = self._random.choices(("new", "set", "passing", "file", "secret"), (10, 10, 4, 1, 1))[
            0
        ]
        text = f"{self._device.name} {self._random.randrange(10**9)}"
        if kind == "new" or not self._own:
            properties = {"name": text, "note": "x" * self._random.randrange(200)}
            made = await self._apply({"do": "new", "parent": self._space, "properties": properties})
            self._own.append(made)
            self.values[made] = text
        elif kind == "set":
            vertex = self._random.choice(self._own)
            self.values.pop(vertex)  # Until it is acknowledged it may be either.
            await self._apply({"do": "set", "vertex": vertex, "key": "name", "value": text})
            self.values[vertex] = text
        elif kind == "passing":
            properties = {"name": f"{text} passes"}
            made = await self._apply({"do": "new", "parent": self._space, "properties": properties})
            await self._apply({"do": "delete", "vertex": made})
        elif kind == "file":
            source = self._scratch / f"{self._device.name}.bin"
            source.write_bytes(self._random.randbytes(self._random.randrange(FILE_BYTES_MAX)))
            await self._device.call(
                "file.put", space=self._space, source=str(source), path=f"files/{text}.bin"
            )
        else:
            name = f"{self._device.name}-{self._random.randrange(5)}"
            self.secrets.pop(name, None)
            await self._device.call("secret.set", space=self._space, name=name, value=text)
            self.secrets[name] = text

    async def _apply(self, edit: dict[str, object]) -> str:
        answer = await self._device.call(
            "edit.apply", space=self._space, tree=self._space, edits=[edit], force=True
        )
        return str(answer["results"][0]["vertex"])
