"""What an archive must be before a byte of it is unpacked: names, kinds, sizes, no overlap.

Python 3.11 before 3.11.8 does not look for entries that share bytes (CVE-2024-0450), so that is
done here.
"""

from __future__ import annotations

import stat
import struct
import zipfile
from dataclasses import dataclass, field
from typing import BinaryIO

from sila_daemon.core import ids
from sila_daemon.core.errors import FormatError, ProtectionError
from sila_daemon.folder.layout import (
    LEGACY_MARKER,
    MARKER,
    OPS_SUFFIX,
    VERSION_DIR,
    parse_blob_file,
    parse_op_file,
)

_SINGLE_FILES = {MARKER, LEGACY_MARKER, f"{VERSION_DIR}/space.json", f"{VERSION_DIR}/secrets"}
_RATIO_FREE_BYTES = 1 << 20
"""A small entry may be compressed as well as it likes: it does no harm."""
_DIRECTORY_ENTRY_BYTES_MAX = 1 << 10
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_LOCAL_SIGNATURE = b"PK\x03\x04"
_END_SIGNATURE = b"PK\x05\x06"
_END_BYTES = 22
_COMMENT_BYTES_MAX = 0xFFFF
_END64_BYTES = 56
_LOCATOR_BYTES = 20


@dataclass(frozen=True, slots=True)
class ImportLimits:
    """How much an archive may ask for before a person has agreed."""

    entries_max: int = 10_000
    bytes_max: int = 2 << 30
    """Of all entries together, unpacked."""
    ratio_max: int = 200
    """Unpacked bytes for each packed one, of any entry."""


WITHOUT_LIMITS = ImportLimits(1 << 32, 1 << 62, 1 << 62)
"""For an archive that a person vouches for; names and hashes are checked all the same."""


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """An entry that will be unpacked."""

    info: zipfile.ZipInfo
    name: str
    blob_hash: str | None
    """The SHA-256 that the bytes must have; None for what is not an immutable blob."""


@dataclass(slots=True)
class ArchiveContents:
    """What is in an archive, checked."""

    entries: list[ArchiveEntry] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)
    """Names that are harmless and no part of the format, such as those of a file manager."""


def check_directory_size(raw: BinaryIO, size: int, limits: ImportLimits) -> None:
    """Refuses a table of contents that would not fit in memory, before anyone reads it.

    Raises FormatError when there is none, ProtectionError when it is too large.
    """
    tail_size = min(size, _END_BYTES + _COMMENT_BYTES_MAX)
    raw.seek(size - tail_size)
    tail = raw.read(tail_size)
    at = tail.rfind(_END_SIGNATURE)
    if at < 0 or len(tail) - at < _END_BYTES:
        raise FormatError("not a zip file", code="bad_archive")
    count, directory_bytes = struct.unpack("<HI", tail[at + 10 : at + 16])
    end64 = size - tail_size + at - _LOCATOR_BYTES - _END64_BYTES
    if end64 >= 0:
        raw.seek(end64)
        record = raw.read(_END64_BYTES)
        if record[:4] == b"PK\x06\x06":
            count, directory_bytes = struct.unpack("<QQ", record[32:48])
    if count > limits.entries_max or directory_bytes > (
        limits.entries_max * _DIRECTORY_ENTRY_BYTES_MAX
    ):
        raise _too_much(f"more than {limits.entries_max} entries")


def check_entries(archive: zipfile.ZipFile, raw: BinaryIO, limits: ImportLimits) -> ArchiveContents:
    """Checks every entry. Raises FormatError for a hostile archive, ProtectionError for a limit."""
    infos = archive.infolist()
    if len(infos) > limits.entries_max:
        raise _too_much(f"more than {limits.entries_max} entries")
    contents = ArchiveContents()
    taken: set[str] = set()
    for info in infos:
        name = _safe_name(info)
        if name in taken:
            raise FormatError(f"two entries are named {ids.shortened(name)}", code="bad_archive")
        taken.add(name)
        _check_kind(info)
        _sort_in(info, name, contents)
    total = sum(entry.info.file_size for entry in contents.entries)
    if total > limits.bytes_max:
        raise _too_much(f"{total} bytes")
    for info in infos:
        unpacked, packed = info.file_size, max(info.compress_size, 1)
        if unpacked > _RATIO_FREE_BYTES and unpacked > packed * limits.ratio_max:
            raise _too_much(f"{unpacked // packed} times the packed size")
    _check_overlap(infos, raw, archive.start_dir)
    return contents


def is_safe_name(name: str) -> bool:
    """Tells whether a relative path stays below the directory that it is unpacked to."""
    parts = name.removesuffix("/").split("/")
    return (
        name.isprintable()
        and "\\" not in name
        and not any(part in ("", ".", "..") for part in parts)
    )


def _safe_name(info: zipfile.ZipInfo) -> str:
    name = info.orig_filename
    if name != info.filename or not is_safe_name(name):
        raise FormatError(f"unsafe name {ids.shortened(name)}", code="unsafe_name")
    return name


def _check_kind(info: zipfile.ZipInfo) -> None:
    name = ids.shortened(info.filename)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFDIR if info.is_dir() else stat.S_IFREG):
        raise FormatError(f"{name} is a link or a special file", code="not_regular")
    if info.flag_bits & 1:
        raise FormatError(f"{name} is encrypted", code="bad_archive")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise FormatError(f"{name} is compressed in an unknown way", code="bad_archive")


def _sort_in(info: zipfile.ZipInfo, name: str, contents: ArchiveContents) -> None:
    """Takes what the format knows, passes over what is harmless. Raises FormatError."""
    if info.is_dir():
        return
    blob_hash = None
    if name not in _SINGLE_FILES:
        basename = name.rpartition("/")[2]
        if basename.startswith(".") or not name.startswith(f"{VERSION_DIR}/"):
            contents.passed_over.append(name)
            return
        blob = parse_blob_file(name)
        if blob is not None:
            blob_hash = blob[1] if blob[0] == "static" else None
        elif name.endswith(OPS_SUFFIX):
            parse_op_file(name)
        else:
            contents.passed_over.append(name)
            return
    contents.entries.append(ArchiveEntry(info, name, blob_hash))


def _check_overlap(infos: list[zipfile.ZipInfo], raw: BinaryIO, directory_at: int) -> None:
    """Refuses entries that share packed bytes: a small file could so unpack to a huge one."""
    ordered = sorted(infos, key=lambda info: info.header_offset)
    ends = [info.header_offset for info in ordered[1:]] + [directory_at]
    for info, next_at in zip(ordered, ends, strict=True):
        raw.seek(info.header_offset)
        header = raw.read(_LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size or header[:4] != _LOCAL_SIGNATURE:
            raise FormatError("an entry is not where it should be", code="bad_archive")
        _, name_bytes, extra_bytes = _LOCAL_HEADER.unpack(header)
        end = info.header_offset + len(header) + name_bytes + extra_bytes + info.compress_size
        if end > next_at:
            raise FormatError("entries of the archive overlap", code="bad_archive")


def _too_much(what: str) -> ProtectionError:
    return ProtectionError(
        f"the archive holds too much: {what}",
        code="archive_limits",
        hint="If you trust where it comes from, pass --force.",
    )
