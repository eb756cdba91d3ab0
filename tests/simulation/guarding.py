"""Worlds with a low threshold for what is too much at once, and the people who say yes or no."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from sila_daemon.core.errors import NotFoundError, StorageError
from sila_daemon.store.guard import GuardSettings
from tests.simulation.checkers import check_trees, expected_pictures
from tests.simulation.device import FOLDER, SETTINGS
from tests.simulation.holders import lines_held_by, stored_lines_of
from tests.simulation.reader import read_folder
from tests.simulation.record import ViolationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sila_daemon.mirror.space_mirror import SpaceMirror
    from sila_daemon.store.held import Hold
    from tests.simulation.device import SimDevice
    from tests.simulation.record import Record
    from tests.simulation.trace import Trace

GUARDED = replace(SETTINGS, guard=GuardSettings(share=0.25, vertices_min=4, window_s=30.0))

DOUBTS_MAX = 40
"""So often in a row a device may be found in the midst of something: ten virtual seconds."""


class Deciders:
    """People who are asked about what is held, once nothing goes wrong any more."""

    def __init__(self, devices: list[SimDevice], record: Record, trace: Trace) -> None:
        self._devices = devices
        self._record = record
        self._trace = trace
        self._doubts: Counter[str] = Counter()

    async def decide(self) -> None:
        """Looks whether what is held is nowhere to be seen, and then says yes or no to it."""
        for turn, device in enumerate(self._devices):
            mirror = device.mirror
            if mirror is None:
                continue
            try:
                holds = await mirror.held.holds()
                if holds and await self._is_hidden(device):
                    await self._answer(mirror, holds[0], turn)
            except (StorageError, NotFoundError):
                continue  # Next time.

    async def _is_hidden(self, device: SimDevice) -> bool:
        try:
            await check_held(device, self._record)
        except ViolationError:
            self._doubts[device.name] += 1
            if self._doubts[device.name] > DOUBTS_MAX:
                raise
            return False
        self._doubts[device.name] = 0
        return True

    async def _answer(self, mirror: SpaceMirror, hold: Hold, turn: int) -> None:
        kind = (hold.number + turn) % 3
        answer = mirror.held.accept
        if hold.refused_ms is None and kind:
            # Who said no says yes later: all that is anywhere must be everywhere in the end.
            answer = mirror.held.refuse if kind == 1 else mirror.held.undo
        if answer == mirror.held.undo:
            self._note_undone(self._devices[turn])
        self._trace.note(self._devices[turn].name, f"held {hold.number}: {answer.__name__}")
        with suppress(StorageError):
            await answer(hold.number)

    def _note_undone(self, device: SimDevice) -> None:
        """What was made in held changes is deleted when they are undone."""
        for lines in lines_held_by(device).values():
            moves = (line for line in lines if line.key is None)
            self._record.deletions.update((line.tree, line.target) for line in moves)


async def check_held(device: SimDevice, record: Record) -> None:
    """What is held is in the store, and neither in the trees nor, from a server, in the folder.

    A folder may have it from before its store went back.
    """
    held = lines_held_by(device)
    shown = stored_lines_of(device) - {line for lines in held.values() for line in lines}
    await check_trees(device, expected_pictures(shown))
    if device.has_folder and not device.shares_folder and not record.has_gone_back:
        written = read_folder(device.disk.view(), FOLDER).ops
        for source, lines in held.items():
            if source != "folder" and (passed_on := lines & written):
                raise ViolationError(f"{device.name} holds and writes {next(iter(passed_on))}")


def require_held(devices: Iterable[SimDevice]) -> None:
    """Something must be held on each of these devices now."""
    for device in devices:
        if device.mirror is None or not device.mirror.status()["heldOps"]:
            raise ViolationError(f"{device.name} holds nothing")
