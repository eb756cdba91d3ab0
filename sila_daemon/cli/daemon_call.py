"""Asking the running daemon, from a command."""

from __future__ import annotations

import os
from typing import Any

from sila_daemon.control.call import call
from sila_daemon.paths import control_socket


def ask(method: str, /, **params: Any) -> Any:
    """Calls a method of the daemon. Raises what it answers, or DaemonNotRunningError."""
    return call(control_socket(), method, **params)


def space_reference(text: str) -> str:
    """Makes what looks like a path absolute: the daemon works elsewhere than the person."""
    if os.sep in text or text in (".", "..") or text.startswith("~"):
        return os.path.realpath(os.path.expanduser(text))
    return text


def local_path(text: str) -> str:
    """Makes a path of the command line absolute."""
    return os.path.abspath(os.path.expanduser(text))
