"""The other half of the seeds: workers share tests by file."""

from __future__ import annotations

import pytest

from tests.simulation.seeds import CHUNKS, first_violation


@pytest.mark.slow
@pytest.mark.parametrize("chunk", CHUNKS[1::2], ids=str)
def test_every_promise_is_kept(chunk: range) -> None:
    assert first_violation(chunk) == ""
