"""Files of a space as they stand on a disk, read by nothing but their layout."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sila_daemon.store.fetch_policy import FetchPolicy
from tests.simulation.device import FOLDER, SPACE
from tests.simulation.fetching import may_lack
from tests.simulation.inodes import Directory, File
from tests.simulation.record import ViolationError
from tests.simulation.server import DATA

if TYPE_CHECKING:
    from tests.simulation.device import SimDevice
    from tests.simulation.disk import DiskView
    from tests.simulation.reader import Line
    from tests.simulation.record import Record
    from tests.simulation.server import SimServer

_HASH = re.compile("[0-9a-f]{64}")
_UUID = re.compile("[0-9a-f]{32}")
SERVER_SPACE = DATA / "spaces" / SPACE[:2] / SPACE
SERVER_FILES = SERVER_SPACE / "space-v1" / "files"
FOLDER_FILES = FOLDER / "space-v1" / "files"


class Place(NamedTuple):
    """One directory of files."""

    who: str
    disk: DiskView
    root: Path


class Held(NamedTuple):
    """What a place has, by name."""

    static: dict[str, bytes]
    var: dict[str, bytes]


def place_of(machine: SimDevice | SimServer) -> Place:
    """Returns where a device or a server keeps the files of the space."""
    root = getattr(machine, "files_root", SERVER_FILES)
    return Place(machine.name, machine.disk.view(may_crash=False), root)


def sha256(data: bytes) -> str:
    """Returns the name of an immutable file with these bytes."""
    return _sha256(bytes(data))


@lru_cache(maxsize=4096)
def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def read_files(place: Place, *, durable: bool = False) -> Held:
    """Reads all files, or those that the worst power cut would leave."""
    return Held(
        dict(_below(place, "static/sha256", _HASH, durable)),
        dict(_below(place, "var/uuid", _UUID, durable)),
    )


def _below(
    place: Place, kind: str, pattern: re.Pattern[str], durable: bool
) -> Iterable[tuple[str, bytes]]:
    top = place.disk.find(place.root / kind, durable=durable)
    for first, directory in _names(top, durable):
        for rest, file in _names(directory, durable):
            if isinstance(file, File) and pattern.fullmatch(first + rest):
                yield first + rest, file.durable if durable else bytes(file.data)


def _names(entry: object, durable: bool) -> Iterable[tuple[str, object]]:
    if not isinstance(entry, Directory):
        return []
    return sorted((entry.durable if durable else entry.names).items())


def files_somewhere(machines: Iterable[SimDevice | SimServer]) -> set[str]:
    """Returns the names of the immutable files that at least one machine has whole."""
    held = [read_files(place_of(machine)).static for machine in machines]
    return {name for files in held for name, data in files.items() if sha256(data) == name}


def require_whole(device: SimDevice) -> None:
    """A mirror that says `current` has no file whose bytes are not its own. Raises ViolationError.

    Whoever brought it, the daemon had time to read it.
    """
    for name, data in read_files(place_of(device)).static.items():
        if sha256(data) != name:
            raise ViolationError(f"{device.name} says current, and the file {name} is cut short")


def require_right_bytes(place: Place, brought: Collection[Path] = ()) -> None:
    """No immutable file has other bytes than its name says, nor would after a power cut.

    Those that a carrier brought are its own affair. Raises ViolationError.
    """
    for durable in (False, True):
        for name, data in read_files(place, durable=durable).static.items():
            if place.root / "static" / "sha256" / name[:2] / name[2:] in brought:
                continue
            if sha256(data) != name:
                when = "would have after a power cut" if durable else "has"
                raise ViolationError(f"{place.who} {when} other bytes in the file {name}")


def missing_files(
    places: list[Place],
    record: Record,
    lines: Collection[Line],
    policies: Mapping[str, FetchPolicy],
) -> list[str]:
    """Returns what is not everywhere of the files that ops refer to and whose bytes were kept.

    `policies` says by device which files it need not have.
    """
    names = {line.value for line in lines if line.key in ("hash", "id")}
    found: list[str] = []
    everywhere = [read_files(place) for place in places]
    sizes = {name: len(data) for held in everywhere for name, data in held.static.items()}
    for place, held in zip(places, everywhere, strict=True):
        policy = policies.get(place.who, FetchPolicy())
        left_out = set() if policy.takes_all else may_lack(policy, sizes, lines)
        unnoticed = record.unnoticed_files[place.who]
        owed = record.files - held.static.keys() - left_out - unnoticed
        lacking = [name for name in owed if f'"{name}"' in names]
        found += [f"{place.who} lacks the file {name}" for name in lacking]
        for name, data in record.mutable_files.items():
            if f'"{name}"' in names and held.var.get(name) != data:
                found.append(f"{place.who} lacks the newest content of the file {name}")
    return sorted(found)
