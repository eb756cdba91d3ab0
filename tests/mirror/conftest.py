"""A server in memory and a bench of mirrors that reach it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.mirror.bench import SPACE, Bench
from tests.mirror.fake_server import FakeServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def server() -> FakeServer:
    return FakeServer(SPACE)


@pytest.fixture
async def bench(tmp_path: Path, server: FakeServer) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path, server)
    yield bench
    bench.close()
