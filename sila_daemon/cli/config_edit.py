"""`config edit`: the settings in an editor; what is wrong is told, and nothing typed is lost."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

from sila_daemon import config
from sila_daemon.cli.settings import reloaded, settings_text
from sila_daemon.core.errors import ProtectionError, SilaError, UsageError
from sila_daemon.paths import make_private_dir, user_paths
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.randomness import SystemRandomness

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from sila_daemon.cli.output import Output

EDITORS = ("VISUAL", "EDITOR")
"""Where people name their editor, in the order in which it counts."""
EDITOR_OF_ALL = "notepad" if sys.platform == "win32" else "vi"


def edit(arguments: argparse.Namespace, output: Output) -> None:
    """Opens the settings in an editor, and takes over what it leaves."""
    path = user_paths().config_file
    draft = path.with_name(f"{path.stem}.edited{path.suffix}")
    before, disk, randomness = settings_text(path), SystemDisk(), SystemRandomness()
    make_private_dir(path.parent)
    if draft.exists():
        if path.exists() and path.stat().st_mtime_ns > draft.stat().st_mtime_ns:
            raise ProtectionError(
                "the settings were changed since you typed what was not taken",
                code="changed",
                hint=f"what you typed is in {draft}: take from it what you need, and remove it",
            )
        output.note(f"This goes on with what was typed before, in {draft}.")
    else:
        config.save(disk, draft, before or config.template(), randomness)
    try:
        _run_editor(draft)
    finally:
        if not draft.exists():
            raise UsageError(
                "the editor left no text, so nothing was changed", code="editor_failed"
            )
        text = settings_text(draft)
        is_same = text in (before, config.template())
        if is_same:
            draft.unlink()
    if is_same:
        output.result({"changed": False}, ["Nothing was changed."])
        return
    try:
        config.parse(text)
        if settings_text(path) != before:
            raise ProtectionError(f"{path} was changed by somebody else meanwhile", code="changed")
    except SilaError as error:
        kept = _how_to_go_on(draft)
        error.hint = f"{error.hint} ({kept})" if error.hint else kept
        raise
    config.save(disk, path, text, randomness)
    draft.unlink()
    output.result({"changed": True}, [f"{path} is changed.", reloaded()])


def _run_editor(draft: Path) -> None:
    command = next(filter(None, map(os.environ.get, EDITORS)), EDITOR_OF_ALL)
    try:
        code = subprocess.run([*shlex.split(command), str(draft)]).returncode
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the editor {command!a:.80} cannot be started: {error}",
            code="no_editor",
            hint="name yours in the environment variable EDITOR",
        ) from error
    if code:
        raise UsageError(
            f"the editor ended with {code}, so nothing was changed",
            code="editor_failed",
            hint="start it again, or use `sila-daemon config set`",
        )


def _how_to_go_on(draft: Path) -> str:
    return f"your text is kept in {draft}: `sila-daemon config edit` goes on with it"
