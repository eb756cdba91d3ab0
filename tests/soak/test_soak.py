"""A few seconds of the soak: that it runs, and that it sees what it is for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.soak.soak import Memory, Soak, SoakError

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_some_seconds_of_trouble_lose_nothing(tmp_path: Path) -> None:
    soak = Soak(tmp_path, seconds=8, seed=3)
    told = await soak.run()
    assert soak.troubles and "edits acknowledged" in told[0]
    assert told[-1] == "both folders say the same, and everything that was acknowledged"


class Folder:
    """A device of which only the folder is asked."""

    def __init__(self, **said: Any) -> None:
        self._said = {"trees": {}, "secrets": {}, "problems": [], **said}

    async def dump(self) -> str:
        """Returns what it says."""
        return json.dumps(self._said)


def tree(vertex: str, name: str) -> dict[str, Any]:
    return {"t": {"vertices": [{"id": vertex, "properties": {"name": name}}]}}


@pytest.mark.parametrize(
    ("one", "two", "said"),
    [
        (Folder(trees=tree("v", "a")), Folder(trees=tree("v", "b")), "do not say the same"),
        (Folder(), Folder(), "acknowledged and not there"),
        (Folder(trees=tree("v", "b")), Folder(trees=tree("v", "b")), "acknowledged and not there"),
        (
            Folder(trees=tree("v", "a"), problems=["p"]),
            Folder(trees=tree("v", "a"), problems=["p"]),
            "has problems",
        ),
    ],
)
async def test_what_was_lost_is_seen(tmp_path: Path, one: Any, two: Any, said: str) -> None:
    soak = Soak(tmp_path, seconds=1, seed=1)
    person: Any = Acknowledged()
    soak.devices, soak.people = [one, two], [person]
    with pytest.raises(SoakError, match=said):
        await soak.compare()


class Acknowledged:
    """A person who was told that a name is kept."""

    def __init__(self) -> None:
        self.values = {"v": "a"}
        self.secrets: dict[str, str] = {}


def test_growth_is_that_of_the_last_third() -> None:
    memory = Memory([(at, 50.0 + (at >= 80) * 30, at * 10) for at in range(100)])
    assert memory.growth(60) == (50.0, 80.0, 200)
    assert Memory().growth(0) == (0.0, 0.0, 0)
