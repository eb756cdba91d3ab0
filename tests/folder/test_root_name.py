"""The name of a space, found in its op files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_daemon.folder.root_name import name_in_files
from sila_daemon.folder.space_folder import SpaceFolder
from sila_daemon.ports.disk import SystemDisk
from tests.folder.spaces import DAY, OTHER_PEER, PEER, SPACE, make_space

if TYPE_CHECKING:
    from pathlib import Path


def name_of(root: Path, **files: str) -> str | None:
    day = root / "space-v1" / "ops" / SPACE[:2] / SPACE[2:] / DAY
    day.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (day / f"{name.replace('__', '-')}.jsonl").write_text(text)
    folder = SpaceFolder.open(root, SystemDisk())
    return name_in_files(folder, SPACE, folder.scan().by_tree().get(SPACE, []))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_space(tmp_path / "space")


def line(counter: int, value: str, target: str = SPACE, key: str = "name") -> str:
    return f'[{counter},"{target}","{key}",{value}]\n'


def test_the_newest_of_all_files_counts(root: Path) -> None:
    mine = line(900, '"Old"') + line(902, '"New"') + line(901, '"Between"')
    theirs = line(901, '"Theirs"') + line(999, '"not the root"', target="other")
    assert name_of(root, **{f"{PEER}__p": mine, f"{OTHER_PEER}__p": theirs}) == "New"
    tie = line(902, '"By the greater peer"')
    assert name_of(root, **{f"{OTHER_PEER}__p": tie}) == "By the greater peer"


def test_a_foreign_file_with_typed_lines_counts_too(root: Path) -> None:
    typed = f'["m",903,"{SPACE}",null]\n["p",904,"{SPACE}","name","Typed"]\n'
    assert name_of(root, **{f"{PEER}.{'ab' * 8}": typed}) == "Typed"


def test_what_cannot_be_read_is_passed_over(root: Path) -> None:
    odd = f'["{SPACE}",broken\n' + line(910, '"Kept"') + f'[911,"{SPACE}","name","torn'
    assert name_of(root, **{f"{PEER}__p": odd}) == "Kept"


@pytest.mark.parametrize("value", ["null", "{}", '""', "7"])
def test_what_is_no_text_is_no_name(root: Path, value: str) -> None:
    assert name_of(root, **{f"{PEER}__p": line(950, value)}) is None
