"""The log: one JSON object a line, rotated, readable by its owner only, without secrets."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import StorageError
from sila_daemon.paths import make_private_dir
from sila_daemon.ports.clock import iso_timestamp

if TYPE_CHECKING:
    from sila_daemon.config import LogSettings

_FACTS = "facts"
"""The name under which a record carries what a program wants to read from it."""

_OWN_NAMES = ("event", "level", "timestamp", "exception")
"""What every line has besides its facts, all of it text."""

_SECRET_WORDS = ("token", "password", "secret", "authorization", "value", "refresh", "access")

_DEPTH_MAX = 6
"""What is nested deeper is left out: no line may cost more than it tells, nor go round for ever."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What could move a terminal's cursor, or begin a line that looks like another event."""


class Log:
    """Tells what happened: `log.info("what happened", space=..., count=...)`."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def debug(self, event: str, **facts: object) -> None:
        """Tells what matters to who looks for a fault."""
        self._tell(logging.DEBUG, event, facts)

    def info(self, event: str, **facts: object) -> None:
        """Tells what happened."""
        self._tell(logging.INFO, event, facts)

    def warning(self, event: str, **facts: object) -> None:
        """Tells what went wrong and is tried again."""
        self._tell(logging.WARNING, event, facts)

    def error(self, event: str, *, exc_info: BaseException | None = None, **facts: object) -> None:
        """Tells what went wrong."""
        self._tell(logging.ERROR, event, facts, exc_info)

    def critical(
        self, event: str, *, exc_info: BaseException | None = None, **facts: object
    ) -> None:
        """Tells what ended the daemon."""
        self._tell(logging.CRITICAL, event, facts, exc_info)

    def _tell(
        self,
        level: int,
        event: str,
        facts: dict[str, object],
        error: BaseException | None = None,
    ) -> None:
        self._logger.log(level, event, exc_info=error, extra={_FACTS: facts})


class _PrivateHandler(RotatingFileHandler):
    """Rotates by size; every file is made with mode 0600."""

    def _open(self) -> Any:
        descriptor = os.open(
            self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        return os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")


class _JsonFormatter(logging.Formatter):
    """One JSON object a line: event, facts, level, timestamp, exception."""

    def format(self, record: logging.LogRecord) -> str:
        line = _line(record)
        try:
            return json.dumps(line, default=repr, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            told = {name: str(line.pop(name)) for name in _OWN_NAMES if name in line}
            return json.dumps(told | {_FACTS: repr(line)})


class _TextFormatter(logging.Formatter):
    """The same for people."""

    def format(self, record: logging.LogRecord) -> str:
        line = _line(record)
        event = _escaped(line.pop("event"))
        head = f"{line.pop('timestamp')} {line.pop('level'):8} {event}"
        error = line.pop("exception", None)
        facts = _escaped("".join(f" {name}={value!r}" for name, value in line.items()))
        if error is None:
            return f"{head}{facts}"
        return "\n".join([f"{head}{facts}", *map(_escaped, str(error).split("\n"))])


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def _line(record: logging.LogRecord) -> dict[str, Any]:
    line: dict[str, Any] = {
        "event": record.getMessage(),
        **hide_secrets(getattr(record, _FACTS, {})),
        "level": record.levelname.lower(),
        "timestamp": iso_timestamp(record.created),
    }
    if record.exc_info:
        line["exception"] = logging.Formatter().formatException(record.exc_info)
    return line


def hide_secrets(facts: Mapping[Any, Any], depth: int = 1) -> dict[Any, Any]:
    """Replaces what is named like a secret, so that a careless line cannot give one away.

    That goes for mappings and lists in the facts, too.
    """
    return {
        name: "(hidden)" if _is_secret(name) else _masked(fact, depth)
        for name, fact in facts.items()
    }


def _is_secret(name: object) -> bool:
    return any(word in str(name).lower() for word in _SECRET_WORDS)


def _masked(fact: object, depth: int) -> object:
    if not isinstance(fact, (Mapping, list, tuple, set, frozenset)):
        return fact
    if depth == _DEPTH_MAX:
        return "(left out: nested too deep)"
    if isinstance(fact, Mapping):
        return hide_secrets(fact, depth + 1)
    return [_masked(part, depth + 1) for part in fact]


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
    handler.setFormatter(_JsonFormatter())
    handlers: list[logging.Handler] = [handler]
    if to_terminal:
        terminal = logging.StreamHandler()
        terminal.setFormatter(_TextFormatter())
        handlers.append(terminal)
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    root.handlers[:] = handlers
    root.setLevel(logging.WARNING)
    set_level(settings)
    try:
        yield Log(logging.getLogger("sila_daemon"))
    finally:
        root.setLevel(before[0])
        root.handlers[:] = before[1]
        handler.close()


def set_level(settings: LogSettings) -> None:
    """Takes over a changed level."""
    logging.getLogger("sila_daemon").setLevel(settings.level.upper())
