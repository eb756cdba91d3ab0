"""What a space is meant by while the daemon starts."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from sila_daemon.core.errors import NotFoundError
from sila_daemon.runtime import running_spaces
from sila_daemon.runtime.running_spaces import RunningSpaces

ID = "25f87e271fb347078ec4fbaad528d1b8"


class OpeningSpace:
    """A space whose name is known once it was opened."""

    def __init__(self, record: Any) -> None:
        self.record = record
        self.space_id = record.id
        self.opened = asyncio.Event()

    def status(self) -> dict[str, Any]:
        return {"name": "Work" if self.opened.is_set() else None}

    async def told(self) -> None:
        await self.opened.wait()


class Supervisor:
    """Keeps nothing."""

    async def keep(self, name: str, mirror: OpeningSpace, *, whatever: bool) -> None:
        await asyncio.Event().wait()


async def started() -> tuple[RunningSpaces, OpeningSpace, asyncio.Task[None]]:
    spaces = RunningSpaces(OpeningSpace, Supervisor())  # type: ignore[arg-type]
    running = asyncio.ensure_future(spaces.run([SimpleNamespace(id=ID, path=None)]))  # type: ignore[list-item]
    await asyncio.sleep(0)
    (space,) = spaces
    return spaces, space, running  # type: ignore[return-value]


async def test_a_name_is_waited_for_until_the_space_is_open() -> None:
    spaces, space, running = await started()
    await spaces.named(ID)
    asking = asyncio.ensure_future(spaces.named("Work"))
    await asyncio.sleep(0)
    assert not asking.done()
    space.opened.set()
    await asking
    assert spaces.find("Work").space_id == ID
    await spaces.named("Another")
    with pytest.raises(NotFoundError):
        spaces.find("Another")
    running.cancel()


async def test_a_space_that_does_not_open_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(running_spaces, "NAMES_S", 0.01)
    spaces, _, running = await started()
    await spaces.named("Work")
    with pytest.raises(NotFoundError):
        spaces.find("Work")
    running.cancel()
