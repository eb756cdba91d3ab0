"""What the server writes to standard error: one line of JSON, or of text, for each thing.

No line holds a token, a password, a body or a full path: routes are named by their templates,
since what stands in a path may itself be a secret, such as an invitation.
"""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from sila_daemon.ports.clock import iso_timestamp

if TYPE_CHECKING:
    from sila_daemon.server.settings import LogSettings

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered, in the tasks that answer it."""

FACTS = "facts"
"""The name under which a record carries what a program wants to read from it."""


class _JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request, and facts."""

    def format(self, record: logging.LogRecord) -> str:
        line = _line(record)
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True, default=str)


class _TextFormatter(logging.Formatter):
    """The same for people."""

    def format(self, record: logging.LogRecord) -> str:
        line = _line(record)
        head = f"{line.pop('time')} {line.pop('level'):7} {line.pop('message')}"
        line.pop("logger")
        tail = "".join(f" {name}={_quoted(value)}" for name, value in line.items())
        text = head + tail
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return text


def _line(record: logging.LogRecord) -> dict[str, Any]:
    line: dict[str, Any] = {
        "time": iso_timestamp(record.created),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
    }
    request_id = REQUEST_ID.get()
    if request_id:
        line["request"] = request_id
    facts = getattr(record, FACTS, None)
    if isinstance(facts, dict):
        line.update(facts)
    return line


def _quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text) if not text or any(c.isspace() or c == '"' for c in text) else text


def configure(settings: LogSettings) -> None:
    """Sends all logging of this process to standard error, in the wanted form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if settings.format == "json" else _TextFormatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.level.upper())
    for name in ("uvicorn", "uvicorn.error", "engineio", "socketio", "websockets"):
        # They say at `info` what is said here already.
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
