"""`run`, `start`, `stop` and `restart`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.paths import user_paths

if TYPE_CHECKING:
    import argparse

    from sila_daemon.cli.output import Output


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Runs the daemon in this process until it is told to stop."""
    from sila_daemon.runtime.daemon import run_daemon

    return run_daemon(user_paths())


def start(arguments: argparse.Namespace, output: Output) -> None:
    """Starts a detached process and waits until it answers."""
    from sila_daemon.runtime.detached import start_detached

    answer = start_detached(user_paths())
    lines = [f"The daemon runs (process {answer['pid']})."]
    output.result(answer, [*lines, "See how it is doing with: sila-daemon status"])


def stop(arguments: argparse.Namespace, output: Output) -> None:
    """Stops the daemon and waits until it has ended."""
    from sila_daemon.runtime.detached import stop_running

    stop_running(user_paths())
    output.result({}, ["The daemon has stopped; everything is kept."])


def restart(arguments: argparse.Namespace, output: Output) -> None:
    """Stops a running daemon, if there is one, and starts another."""
    from sila_daemon.core.errors import DaemonNotRunningError
    from sila_daemon.runtime.detached import start_detached, stop_running

    paths = user_paths()
    try:
        stop_running(paths)
    except DaemonNotRunningError:
        output.note("No daemon was running.")
    answer = start_detached(paths)
    output.result(answer, [f"The daemon runs (process {answer['pid']})."])
