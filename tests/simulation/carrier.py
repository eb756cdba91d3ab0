"""A carrier such as Dropbox or Syncthing: keeps the folders of some devices equal, in its own way.

It knows nothing of spaces. It looks at every folder now and then, takes files that changed whole
to a place in the middle, and brings them to the others when it likes: late, out of order, in
pieces, under the name of a conflict copy, in place or by a rename. It syncs nothing. It deletes
nothing either: a file that is gone somewhere is brought again.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.device import FOLDER
from tests.simulation.inodes import Directory, File
from tests.simulation.process import spawn_outside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.device import SimDevice
    from tests.simulation.disk import DiskView
    from tests.simulation.network import Network
    from tests.simulation.trace import Trace

LOOK_S = 0.7
SOON_S, LATER_S = 3.0, 20.0
NEVER_S = 1e6
"""Until all faults end: hours, for who edits meanwhile."""
CONFLICT, PARTIAL = 0.06, 0.35
"""How likely a file is brought as a conflict copy only, and a first part of it before the rest."""
TIGHT, AWAY = 0.4, 0.1
"""How likely a carrier takes the bytes of files away that it has, and each of them at each look."""
COPY_NAMES = (
    "{stem} (device7's conflicted copy 2026-05-28 {number}){suffix}",
    "{stem}.sync-conflict-20260528-1200{number:02}-ABCDEFG{suffix}",
    "{stem} {number}{suffix}",
)


@dataclass(frozen=True, slots=True)
class Habits:
    """How one carrier works."""

    renames: bool
    """Brings a file under another name first, and so as a new inode."""
    leaves_placeholders: bool
    """Puts `.NAME.icloud` where a file will be."""
    copy_name: str


@dataclass(slots=True)
class _Version:
    """What a file holds: in the middle, or on a device when carrier and device last agreed."""

    data: bytes | None
    """None on a device that has the file under another name only."""
    number: int


class Carrier:
    """One carrier and its clients on all devices."""

    def __init__(
        self,
        devices: list[SimDevice],
        random: Random,
        file_random: Random,
        room_random: Random,
        trace: Trace,
        network: Network,
    ) -> None:
        """`file_random` decides about immutable files only, `room_random` about their room."""
        self._devices = devices
        self._random = random
        self._file_random = file_random
        self._room_random = room_random
        self._is_tight = room_random.random() < TIGHT
        self._trace = trace
        self._network = network
        self._habits = Habits(
            random.random() < 0.5, random.random() < 0.2, random.choice(COPY_NAMES)
        )
        self._middle: dict[Path, _Version] = {}
        self._known: dict[str, dict[Path, _Version]] = {device.name: {} for device in devices}
        self._due: dict[tuple[str, Path, int], float] = {}
        self._copies: dict[tuple[str, Path], tuple[Path, bytes]] = {}
        """By device and file: the conflict copy as which a version was brought there, and that."""
        self._is_calm = True
        self._at_work: asyncio.Task[None] | None = None
        self.placeholders: dict[tuple[str, Path], float] = {}
        """By device and file: since when something stands for it."""
        self.touched_at: dict[str, float] = {}
        """When something was last written into a device's folder."""
        self.brought: set[tuple[str, Path]] = set()
        """Files of devices that are not as a program there left them."""

    def start(self) -> None:
        """Begins to carry."""
        self._at_work = spawn_outside(self._run())

    def have_habits(self) -> None:
        """Brings files as it likes from now on."""
        self._is_calm = False

    def calm_down(self) -> None:
        """Brings everything soon from now on, whole and under its own name."""
        self._is_calm = True
        self._due.clear()

    async def end(self) -> None:
        """Stops at once."""
        if self._at_work is not None:
            self._at_work.cancel()
            await asyncio.gather(self._at_work, return_exceptions=True)

    def found_after_power_cut(self, device: SimDevice) -> None:
        """Takes what a machine lost for what was not brought yet, not for a change made there."""
        known = self._known.get(device.name)
        if known is None:
            return  # It carries nothing there; there may be no folder at all.
        view = device.disk.view(may_crash=False)
        for name, stands_for in list(self.placeholders):
            if name == device.name and view.find(_placeholder(stands_for)) is None:
                del self.placeholders[name, stands_for]
        for path, _ in _files(view, FOLDER, hidden=True):
            if path.suffix == ".icloud":
                stands_for = path.with_name(path.name[1:].removesuffix(".icloud"))
                self.placeholders.setdefault(
                    (device.name, stands_for), asyncio.get_running_loop().time()
                )
        for path, version in list(known.items()):
            found = _content(view, path)
            if found is None:
                del known[path]
            elif version.data is None or not found.startswith(version.data):
                # Else nothing was lost: what was added there is still to be taken.
                known[path] = _Version(found, 0)
            elif self._has_lost_copy(device, view, path):
                known[path] = _Version(version.data, 0)

    def _has_lost_copy(self, device: SimDevice, view: DiskView, path: Path) -> bool:
        copy, data = self._copies.get((device.name, path), (path, b""))
        return not (_content(view, copy) or b"").startswith(data)

    def found_copied(self, source: SimDevice, target: SimDevice) -> None:
        """Knows that a folder it carries was copied, with whatever it had half brought there."""
        self.brought |= {(target.name, path) for name, path in self.brought if name == source.name}

    @property
    def is_at_rest(self) -> bool:
        """Whether every device has everything, and nothing that the others lack."""
        return not self.placeholders and all(map(self._is_settled, self._devices))

    def _is_settled(self, device: SimDevice) -> bool:
        view, known = device.disk.view(), self._known[device.name]
        if not {path for path, _ in _files(view, FOLDER)} <= self._middle.keys():
            return False
        return all(
            path in known
            and known[path].number == version.number
            and _content(view, path) == known[path].data
            for path, version in self._middle.items()
        )

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S * (0.5 + self._random.random()))
            for device in self._devices:
                if self._network.is_cut_off(device.name, ""):
                    continue
                try:
                    self._take(device)
                    self._bring(device)
                    self._remove_placeholders(device)
                    self._make_room(device)
                except OSError as error:
                    self._trace.note("carrier", f"{device.name}: {error.strerror}")

    def _take(self, device: SimDevice) -> None:
        """Takes what changed on a device."""
        view, known = device.disk.view(may_crash=False), self._known[device.name]
        for path, file in _files(view, FOLDER):
            last = known.get(path)
            if last is not None and last.data is not None and file.data == last.data:
                continue
            found = bytes(file.data)
            middle = self._middle.get(path)
            if middle is not None and found == middle.data:
                known[path] = _Version(found, middle.number)
            elif middle is None or (last is not None and last.number == middle.number):
                version = _Version(found, 1 if middle is None else middle.number + 1)
                self._middle[path] = version
                known[path] = _Version(found, version.number)
            else:
                self._trace.fault("carrier", "files in conflict")
                known[path] = _Version(found, 0)
                self._put_copy(device, view, path, found)

    def _bring(self, device: SimDevice) -> None:
        """Brings what a device lacks and whose time has come."""
        known = self._known[device.name]
        now = asyncio.get_running_loop().time()
        for path, version in list(self._middle.items()):
            last = known.get(path)
            if last is not None and last.number == version.number:
                continue
            due = self._due.setdefault((device.name, path, version.number), now + self._delay_s())
            view = device.disk.view(may_crash=False)
            if due <= now:
                self._put(device, view, path, version)
            elif self._habits.leaves_placeholders and view.find(path) is None:
                self._put_placeholder(device, view, path)

    def _delay_s(self) -> float:
        if self._is_calm:
            return self._random.random()
        kind = self._random.random()
        if kind < 0.1:
            return NEVER_S
        return (SOON_S if kind < 0.7 else LATER_S) * self._random.random()

    def _put(self, device: SimDevice, view: DiskView, path: Path, version: _Version) -> None:
        """Makes a file what it is in the middle; by plan only a part, or beside its name."""
        known = self._known[device.name]
        is_op_file = path.suffix == ".jsonl"
        if is_op_file and not self._is_calm and self._random.random() < CONFLICT:
            self._trace.fault("carrier", "conflict copy")
            copy = self._put_copy(device, view, path, version.data or b"")
            if copy is not None:
                self._copies[device.name, path] = copy, version.data or b""
            known[path] = _Version(_content(view, path), version.number)
            return
        data, number = version.data or b"", version.number
        if self._brings_part(path):
            self._trace.fault("carrier", "partial file" if is_op_file else "cut file")
            data, number = data[: int(self._random.random() * len(data))], 0
            self._due[device.name, path, version.number] = (
                asyncio.get_running_loop().time() + self._delay_s()
            )
        try:
            self._write(device, view, path, data)
        finally:
            left = _content(view, path)
            if left is not None:
                known[path] = _Version(left, number if left == data else 0)

    def _brings_part(self, path: Path) -> bool:
        """Tells whether a file is brought cut short now, and the rest of it later."""
        if self._is_calm:
            return False
        if path.suffix == ".jsonl":
            return self._random.random() < PARTIAL
        return "sha256" in path.parts and self._file_random.random() < PARTIAL

    def _write(self, device: SimDevice, view: DiskView, path: Path, data: bytes) -> None:
        for directory in reversed(path.parents):
            if view.stat(directory) is None:
                view.make_dir(directory)
        self.brought.add((device.name, path))
        self.touched_at[device.name] = asyncio.get_running_loop().time()
        self._trace.note("carrier", f"{device.name} {path.name} {len(data)}")
        if self._habits.renames:
            temporary = path.with_name(f".{path.name}.{self._random.randrange(1 << 32):08x}.tmp")
            with view.create(temporary) as file:
                file.write(data)
            view.rename(temporary, path)
            return
        with view.create(path) if view.stat(path) is None else view.open_append(path) as file:
            file.file.truncate(0)
            file.write(data)

    def _put_copy(self, device: SimDevice, view: DiskView, path: Path, data: bytes) -> Path | None:
        for number in range(2, 100):
            copy = path.with_name(
                self._habits.copy_name.format(stem=path.stem, suffix=path.suffix, number=number)
            )
            if copy not in self._middle and view.find(copy) is None:
                self._write(device, view, copy, data)
                return copy
        return None

    def _put_placeholder(self, device: SimDevice, view: DiskView, path: Path) -> None:
        if (device.name, path) in self.placeholders or view.find(path.parent) is None:
            return
        self._trace.fault("carrier", "placeholder")
        view.create(_placeholder(path))
        self.placeholders[device.name, path] = asyncio.get_running_loop().time()

    def _remove_placeholders(self, device: SimDevice) -> None:
        view, known = device.disk.view(may_crash=False), self._known[device.name]
        for name, path in list(self.placeholders):
            is_brought = path in known or view.find(path) is not None
            if name == device.name and is_brought:
                view.unlink(_placeholder(path))
                view.sync_dir(path.parent)  # Else a power cut brings it back, and nobody knows.
                del self.placeholders[name, path]

    def _make_room(self, device: SimDevice) -> None:
        """Keeps the bytes of some whole files in the middle only, as iCloud does."""
        if not self._is_tight:
            return
        view, known = device.disk.view(may_crash=False), self._known[device.name]
        for path, last in known.items():
            file = view.find(path) if "sha256" in path.parts else None
            if not isinstance(file, File) or file.is_dataless or not file.is_settled:
                continue
            data = bytes(file.data)
            is_whole = data == last.data and _named_as(path, data)
            if is_whole and self._room_random.random() < AWAY:
                self._trace.fault("carrier", "bytes taken away")
                file.is_dataless = True


def _named_as(path: Path, data: bytes) -> bool:
    return hashlib.sha256(data).hexdigest() == path.parent.name + path.name


def _placeholder(path: Path) -> Path:
    return path.with_name(f".{path.name}.icloud")


def _files(view: DiskView, directory: Path, *, hidden: bool = False) -> list[tuple[Path, File]]:
    """Returns all files, hidden ones only if they are asked for. Raises OSError."""
    root = view.find(directory)
    if not isinstance(root, Directory):
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), str(directory))
    return list(_below(str(directory), root, hidden=hidden))


def _below(name: str, directory: Directory, *, hidden: bool) -> Iterator[tuple[Path, File]]:
    for below, entry in sorted(directory.names.items()):
        if isinstance(entry, Directory):
            yield from _below(f"{name}/{below}", entry, hidden=hidden)
        elif hidden or not below.startswith("."):
            yield _path(f"{name}/{below}"), entry


@lru_cache(maxsize=4096)
def _path(name: str) -> Path:
    """Parses a path. Kept, since a carrier looks at the same files all the time."""
    return Path(name)


def _content(view: DiskView, path: Path) -> bytes | None:
    file = view.find(path)
    return bytes(file.data) if isinstance(file, File) else None
