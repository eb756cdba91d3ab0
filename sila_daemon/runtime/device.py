"""The id and name under which servers list this machine."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import msgspec

from sila_daemon.core import ids
from sila_daemon.core.errors import FormatError
from sila_daemon.credentials.auth_api import Device
from sila_daemon.folder.problems import storage_errors
from sila_daemon.ports.disk import Disk, read_file
from sila_daemon.ports.durable_files import make_durable, write_atomic
from sila_daemon.ports.randomness import Randomness, new_id

_FILE_BYTES_MAX = 10_000


def open_device(path: Path, disk: Disk, randomness: Randomness) -> Device:
    """Returns this machine's identity, made at the first start. Raises SilaError."""
    try:
        with storage_errors(f"use {path}"):
            if disk.stat(path) is not None:
                device = msgspec.json.decode(read_file(disk, path, _FILE_BYTES_MAX), type=Device)
                make_durable(disk, path)
                return msgspec.structs.replace(device, id=ids.checked_uuid(device.id))
            device = Device(new_id(randomness), platform.node()[:100] or "unnamed", sys.platform)
            write_atomic(disk, path, msgspec.json.encode(device), randomness)
    except msgspec.DecodeError as error:
        raise FormatError(f"{path} is damaged: {error}", hint="remove it") from error
    return device
