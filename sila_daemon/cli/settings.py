"""`config get` and `config set`: the settings file, and the running daemon told of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon import config
from sila_daemon.cli.daemon_call import ask
from sila_daemon.core.errors import DaemonNotRunningError, StorageError
from sila_daemon.paths import make_private_dir, user_paths
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.randomness import SystemRandomness

if TYPE_CHECKING:
    import argparse

    from sila_daemon.cli.output import Output


def get(arguments: argparse.Namespace, output: Output) -> None:
    """Prints one setting, or all."""
    found = config.parse(settings_text(user_paths().config_file))
    names = [arguments.name] if arguments.name else config.setting_names()
    values = {name: config.get(found, name) for name in names}
    if arguments.name:
        output.result(values, [str(values[arguments.name])])
    else:
        output.result(values, [f"{name} = {value}" for name, value in values.items()])


def set_(arguments: argparse.Namespace, output: Output) -> None:
    """Changes one setting, keeping the rest of the file."""
    path = user_paths().config_file
    changed = config.with_setting(settings_text(path), arguments.name, arguments.value)
    make_private_dir(path.parent)
    config.save(SystemDisk(), path, changed, SystemRandomness())
    value = config.get(config.parse(changed), arguments.name)
    output.result({arguments.name: value}, [f"{arguments.name} = {value}", reloaded()])


def reloaded() -> str:
    """Has a running daemon read the settings again, and says since when they count."""
    try:
        ask("daemon.reload")
    except DaemonNotRunningError:
        return "The daemon takes it over when it starts."
    return "The daemon has taken it over."


def settings_text(path: Path) -> str:
    """Returns the text of a settings file, empty when there is none. Raises StorageError."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"cannot read {path}: {error}") from error
