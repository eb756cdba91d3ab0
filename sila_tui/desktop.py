"""The programs of this machine that a terminal app hands things to: viewers and editors."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.core.errors import NotFoundError, ProtectionError, StorageError
from sila_daemon.paths import make_private_dir

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME_CHARACTERS_MAX = 100
TEXT_CHARACTERS_MAX = 200_000
"""As much as a message may have."""
DOCUMENTS = frozenset(
    ".png .jpg .jpeg .gif .webp .bmp .tif .tiff .avif .heic "
    ".mp3 .m4a .ogg .oga .opus .flac .wav .aac .mp4 .m4v .mov .webm .mkv .avi "
    ".txt .md .markdown .csv .tsv .log .json .yaml .yml .toml .pdf .epub .zip "
    ".doc .docx .odt .rtf .xls .xlsx .ods .ppt .pptx .odp".split()
)
"""What every desktop shows rather than runs; anything else may be a program in disguise."""


class Desktop:
    """Opens copies of files, and texts; they lie in a folder that only this user can read."""

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
        self._viewer()
        await asyncio.to_thread(path.chmod, 0o400)
        await self.show_folder(path)

    async def show_folder(self, path: Path) -> None:
        """Has a folder shown, or a file that may be written to. Raises SilaError."""
        command = self._viewer()
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

    def edit(self, text: str) -> str:
        """Has a text changed in the person's editor; waits for it. Raises SilaError."""
        wish = self._environ.get("VISUAL") or self._environ.get("EDITOR") or ""
        search = self._environ.get("PATH", os.defpath)
        names = [shlex.split(wish)] if wish.strip() else [["nano"], ["vi"]]
        found = next((name for name in names if shutil.which(name[0], path=search)), None)
        if found is None:
            said = f"there is no editor {wish}" if wish else "there is no editor"
            raise NotFoundError(said, code="no_editor", hint="name one in EDITOR")
        make_private_dir(self._cache)
        with tempfile.NamedTemporaryFile(
            "w+", dir=self._cache, suffix=".md", encoding="utf-8", errors="replace"
        ) as file:
            file.write(text)
            file.flush()
            done = subprocess.run([*found, file.name], env=dict(self._environ), check=False)
            if done.returncode:
                raise NotFoundError(f"{found[0]} ended with {done.returncode}", code="no_editor")
            # Editors may put another file into the place of the one that they were given.
            with open(file.name, encoding="utf-8", errors="replace") as written:
                return written.read(TEXT_CHARACTERS_MAX + 1).rstrip("\n")

    def save(self, path: Path, text: str) -> None:
        """Writes a new file that only this user can read; what is there already stays."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            said = f"{path} exists already"
            raise ProtectionError(said, code="exists", hint="take another name") from None
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}") from error

    def _viewer(self) -> list[str]:
        has_screen = self._environ.get("DISPLAY") or self._environ.get("WAYLAND_DISPLAY")
        name = "open" if self._is_mac else "xdg-open"
        found = shutil.which(name, path=self._environ.get("PATH", os.defpath))
        if found is None or not (has_screen or self._is_mac):
            text = "this machine has no screen to open files on"
            raise NotFoundError(text, code="no_viewer", hint="save a copy with w")
        return [found]
