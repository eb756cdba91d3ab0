"""The enumeration itself: what a power cut may leave, and what it may not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.crash_states.explore import view_of
from tests.crash_states.power_cuts import Count, images, worst
from tests.crash_states.replace_case import content
from tests.simulation.inodes import Directory

if TYPE_CHECKING:
    from tests.simulation.disk import DiskView

FILE, NEW = Path("/file"), Path("/new")


def _view() -> DiskView:
    return view_of(Directory(1))


def _left(view: DiskView) -> set[bytes | None]:
    return {content(view_of(image), FILE) for _, image in images(view.root, Count())}


def test_what_is_synced_is_there_whatever_happens() -> None:
    view = _view()
    with view.create(FILE) as file:
        file.write(b"ab")
        file.sync()
    view.sync_dir(FILE.parent)

    assert _left(view) == {b"ab"}
    assert content(view_of(worst(view.root)), FILE) == b"ab"


def test_unsynced_bytes_are_lost_torn_zero_or_without_those_before_them() -> None:
    view = _view()
    with view.create(FILE) as file:
        view.sync_dir(FILE.parent)
        file.write(b"ab")
        file.write(b"cd")

    assert _left(view) >= {b"", b"a", b"ab", b"abc", b"abcd", b"\0\0", b"\0\0cd", b"ab\0\0"}
    assert b"cd" not in _left(view)


def test_a_name_and_its_bytes_are_durable_each_by_itself() -> None:
    view = _view()
    with view.create(NEW) as file:
        file.write(b"ab")
    view.rename(NEW, FILE)

    assert _left(view) >= {None, b"", b"a", b"ab"}


def test_names_that_were_not_synced_come_in_every_subset() -> None:
    view = _view()
    for name in "abc":
        view.create(Path("/", name))
    found = {frozenset(image.names) for _, image in images(view.root, Count())}

    assert len(found) == 8


def test_each_image_comes_once() -> None:
    view = _view()
    for name in "ab":
        view.create(Path("/", name)).write(b"xy")
    found = [key for key, _ in images(view.root, Count())]

    assert len(found) == len(set(found)) == 36, "no name, or one with five contents, twice"
