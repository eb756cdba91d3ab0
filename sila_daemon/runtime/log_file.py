"""The log: one JSON object a line, rotated, readable by its owner only, without secrets."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from sila_daemon.core.errors import StorageError
from sila_daemon.paths import make_private_dir

if TYPE_CHECKING:
    from sila_daemon.config import LogSettings

Log = Any
"""A structlog logger: `log.info("what happened", space=..., count=...)`."""

_SECRET_WORDS = ("token", "password", "secret", "authorization", "value", "refresh", "access")


class _PrivateHandler(RotatingFileHandler):
    """Rotates by size; every file is made with mode 0600."""

    def _open(self) -> Any:
        descriptor = os.open(
            self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        return os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")


@contextmanager
def open_log(path: Path, settings: LogSettings, *, to_terminal: bool) -> Iterator[Log]:
    """Gives a logger while the block runs; libraries' warnings go to the same file.

    Raises StorageError when the file cannot be made.
    """
    make_private_dir(path.parent)
    try:
        handler = _PrivateHandler(
            path, maxBytes=settings.file_bytes_max, backupCount=settings.file_count_max
        )
    except OSError as error:
        raise StorageError(f"cannot write the log {path}: {error.strerror}") from error
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared(),
            processors=[_without_meta, structlog.processors.JSONRenderer()],
        )
    )
    handlers: list[logging.Handler] = [handler]
    if to_terminal:
        handlers.append(_terminal_handler())
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    root.handlers[:] = handlers
    root.setLevel(logging.WARNING)
    own = logging.getLogger("sila_daemon")
    set_level(settings)
    try:
        yield structlog.wrap_logger(
            own,
            processors=[
                structlog.stdlib.filter_by_level,
                *_shared(),
                structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            ],
            wrapper_class=structlog.stdlib.BoundLogger,
        )
    finally:
        root.setLevel(before[0])
        root.handlers[:] = before[1]
        handler.close()


def set_level(settings: LogSettings) -> None:
    """Takes over a changed level."""
    logging.getLogger("sila_daemon").setLevel(settings.level.upper())


def _shared() -> list[Any]:
    return [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide_secrets,
    ]


def _terminal_handler() -> logging.Handler:
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared(),
            processors=[_without_meta, structlog.dev.ConsoleRenderer(colors=False)],
        )
    )
    return handler


def _without_meta(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(None, "", event)


def hide_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replaces what is named like a secret, so that a careless line cannot give one away."""
    for key in event:
        if any(word in key.lower() for word in _SECRET_WORDS):
            event[key] = "(hidden)"
    return event
