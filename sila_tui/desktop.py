"""The programs of this machine that a terminal app hands things to: viewers."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.core.errors import NotFoundError, ProtectionError, StorageError
from sila_daemon.paths import make_private_dir

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME_CHARACTERS_MAX = 100
DOCUMENTS = frozenset(
    ".png .jpg .jpeg .gif .webp .bmp .tif .tiff .avif .heic "
    ".mp3 .m4a .ogg .oga .opus .flac .wav .aac .mp4 .m4v .mov .webm .mkv .avi "
    ".txt .md .markdown .csv .tsv .log .json .yaml .yml .toml .pdf .epub .zip "
    ".doc .docx .odt .rtf .xls .xlsx .ods .ppt .pptx .odp".split()
)
"""What every desktop shows rather than runs; anything else may be a program in disguise."""


class Desktop:
    """Opens copies of files; they lie in a folder that only this user can read."""

    def __init__(
        self, cache: Path, environ: Mapping[str, str] = os.environ, platform: str = sys.platform
    ) -> None:
        self._cache = cache
        self._environ = environ
        self._is_mac = platform == "darwin"

    def place_for(self, vertex: str, name: str) -> Path:
        """Where the copy of a file goes that is to be opened. Raises ProtectionError."""
        plain = "".join(char if char.isprintable() and char != os.sep else "_" for char in name)
        plain = plain.lstrip(".-")[-NAME_CHARACTERS_MAX:] or "file"
        if Path(plain).suffix.lower() not in DOCUMENTS:
            raise ProtectionError(
                f"{name} might be a program, which a viewer would start",
                hint="save a copy with w, look at it, and open it yourself",
            )
        safe = "".join(char for char in vertex if char.isalnum())[:32] or "file"
        folder = self._cache / safe
        make_private_dir(self._cache)
        make_private_dir(folder)
        return folder / plain

    async def show(self, path: Path) -> None:
        """Has a file shown by the program that this machine has for it; does not wait for it."""
        command = self._viewer()
        await asyncio.to_thread(path.chmod, 0o400)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                str(path),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
                env=dict(self._environ),
            )
        except OSError as error:
            text = f"{command[0]} cannot be started: {error.strerror}"
            raise StorageError(text, hint="save a copy with w") from error
        if await process.wait():
            text = f"{command[0]} has no program for {path.name}"
            raise NotFoundError(text, code="no_viewer", hint="save a copy with w")

    def _viewer(self) -> list[str]:
        has_screen = self._environ.get("DISPLAY") or self._environ.get("WAYLAND_DISPLAY")
        name = "open" if self._is_mac else "xdg-open"
        found = shutil.which(name, path=self._environ.get("PATH", os.defpath))
        if found is None or not (has_screen or self._is_mac):
            text = "this machine has no screen to open files on"
            raise NotFoundError(text, code="no_viewer", hint="save a copy with w")
        return [found]
