"""A daemon on a real socket, and apps that look at it at a fixed moment."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.tui.fake_daemon import FakeDaemon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def daemon() -> AsyncIterator[FakeDaemon]:
    """Listens from the start; a short path of its own, as sockets need one."""
    with tempfile.TemporaryDirectory() as folder:
        fake = FakeDaemon(Path(folder, "d.sock"))
        await fake.start()
        yield fake
        await fake.stop()
