"""Where everything of one user lives on this machine; `SILA_HOME` moves all of it.

Commands import this before anything else, so it stays cheap: one that only asks the daemon needs
no more than `control_socket`, and so neither pathlib nor, mostly, platformdirs.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sila_daemon.core.errors import StorageError, UsageError
from sila_daemon.ports.unix_socket import short_socket_path

if TYPE_CHECKING:
    from pathlib import Path

HOME_VARIABLE = "SILA_HOME"

_APP_NAME = "sila-daemon"


class Paths:
    """All locations of one user's daemon; nothing is created by asking for them."""

    def __init__(self, config: Path, data: Path, cache: Path, logs: Path, runtime: Path) -> None:
        self.config_dir = config
        self.data_dir = data
        self.cache_dir = cache
        self.log_dir = logs
        self.runtime_dir = runtime

    @property
    def config_file(self) -> Path:
        """The settings that a person writes."""
        return self.config_dir / "config.toml"

    @property
    def registry_file(self) -> Path:
        """Which spaces the daemon looks after."""
        return self.data_dir / "spaces.json"

    @property
    def credentials_file(self) -> Path:
        """Which servers somebody is signed in to, and the tokens where there is no keyring."""
        return self.data_dir / "credentials.json"

    @property
    def device_file(self) -> Path:
        """The id and name under which servers list this machine."""
        return self.data_dir / "device.json"

    @property
    def lock_file(self) -> Path:
        """Held by the one daemon that works on `data_dir`."""
        return self.data_dir / "daemon.lock"

    @property
    def stores_dir(self) -> Path:
        """One database per space."""
        return self.data_dir / "stores"

    @property
    def log_file(self) -> Path:
        """What the daemon did, one JSON object a line."""
        return self.log_dir / "daemon.log"

    @property
    def socket(self) -> Path:
        """The control socket; in a short place of its own where this one's path is too long."""
        return type(self.runtime_dir)(_socket_in(str(self.runtime_dir)))

    @property
    def instance_name(self) -> str:
        """Tells daemons with different data folders apart where they share something."""
        from hashlib import sha256

        return sha256(os.fsencode(self.data_dir)).hexdigest()[:16]


def user_paths(environ: Mapping[str, str] = os.environ) -> Paths:
    """Finds the locations of the user who runs this process. Raises UsageError."""
    from pathlib import Path

    root = _home(environ)
    if root is not None:
        return Paths(*(Path(root, name) for name in ("config", "data", "cache", "logs", "run")))
    import platformdirs

    dirs = platformdirs.PlatformDirs(_APP_NAME, appauthor=False)
    return Paths(
        dirs.user_config_path,
        dirs.user_data_path,
        dirs.user_cache_path,
        dirs.user_log_path,
        Path(_runtime_dir(environ)),
    )


def control_socket(environ: Mapping[str, str] = os.environ) -> str:
    """Returns where the daemon of the user who runs this process listens.

    It is `user_paths().socket`, found without anything that is slow to load. Raises UsageError,
    StorageError.
    """
    return _socket_in(_runtime_dir(environ))


def _socket_in(runtime_dir: str) -> str:
    usual = os.path.join(runtime_dir, "daemon.sock")
    short = short_socket_path(usual)
    if short is not None:
        return short
    raise StorageError(
        f"no place for a control socket: {usual} is too long",
        hint=f"set {HOME_VARIABLE} to a shorter path",
    )


def _home(environ: Mapping[str, str]) -> str | None:
    """Returns where everything is, if somebody said so. Raises UsageError."""
    home = environ.get(HOME_VARIABLE, "")
    if not home:
        return None
    root = os.path.expanduser(home)
    if not os.path.isabs(root):
        raise UsageError(
            f"{HOME_VARIABLE} is not an absolute path: {home}",
            hint=f"set it to {os.path.abspath(home)}, for example",
        )
    # A socket's short place follows from its usual one: however this is written, it is one.
    return os.path.normpath(root)


def _runtime_dir(environ: Mapping[str, str]) -> str:
    root = _home(environ)
    if root is not None:
        return os.path.join(root, "run")
    found = _own_runtime_dir(environ)
    if found is not None:
        return found
    import warnings

    import platformdirs

    with warnings.catch_warnings():
        # It says that it takes a folder below /tmp, whose owner and mode it checks: fine.
        warnings.simplefilter("ignore")
        return platformdirs.PlatformDirs(_APP_NAME, appauthor=False).user_runtime_dir


def _own_runtime_dir(environ: Mapping[str, str]) -> str | None:
    """What systemd makes for a user, also where XDG_RUNTIME_DIR is lost: under cron, after su.

    Else a daemon and its client would look for the socket in two places.
    """
    usual = f"/run/user/{os.getuid()}"
    found = environ.get("XDG_RUNTIME_DIR", usual)
    return os.path.join(found, _APP_NAME) if os.access(found, os.W_OK) else None


def make_private_dir(path: Path) -> None:
    """Makes `path` a directory that only its owner can enter, with its parents.

    Raises StorageError when it cannot, or when the name is taken by something of another user.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise StorageError(
                f"{path} is not a folder of this user",
                code="foreign_folder",
                hint="remove it, or move Sila elsewhere with SILA_HOME",
            )
        if stat.S_IMODE(found.st_mode) & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise StorageError(
            f"cannot make the folder {path}: {error.strerror}", hint="check its permissions"
        ) from error
