"""The other half of the seeds: workers share tests by file."""

from __future__ import annotations

import pytest

from tests.simulation.seeds import CHUNKS, run_chunk


@pytest.mark.slow
@pytest.mark.parametrize("chunk", CHUNKS[1::2], ids=str)
def test_every_promise_is_kept(chunk: range) -> None:
    run_chunk(chunk)
