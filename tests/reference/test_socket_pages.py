"""The pages on events and their codes name what the code sends, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from sila_daemon.core.errors import (
    InvalidIdError,
    InvalidOpError,
    InvalidValueError,
    StorageError,
    StorageFullError,
)
from sila_daemon.server.limits import constants
from sila_daemon.server.sync import gateway, session
from sila_daemon.server.sync.handlers import EVENT_RULES
from tests.reference.pages import REFERENCE

SERVER = Path(session.__file__).parents[1]
CORE = SERVER.parent / "core"
EVENTS = (REFERENCE / "server-events.md").read_text(encoding="utf-8")
CODES = (REFERENCE / "server-error-codes.md").read_text(encoding="utf-8")


def source(*patterns: str) -> str:
    """The text of modules of the server."""
    found = [path for pattern in patterns for path in sorted(SERVER.glob(pattern))]
    assert found
    return "\n".join(path.read_text(encoding="utf-8") for path in found)


def section(page: str, title: str) -> str:
    """The text below a heading."""
    assert title in page
    return page.partition(f"{title}\n")[2].partition("\n#")[0]


def first_cells(text: str) -> set[str]:
    """What stands in the first column of the tables of a text."""
    rows = re.findall(r"^\| (`.+?) \|", text, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def test_what_clients_send() -> None:
    rows = re.findall(
        r"^\| `([^`]+)`[^|]* \| ([^|]+) \|", section(EVENTS, "## What clients send"), re.MULTILINE
    )
    assert set(rows) == {(name, rule.right.value) for name, rule in EVENT_RULES.items()}


def test_what_the_server_sends() -> None:
    text = source("sync/*.py", "spaces/*.py", "world.py", "http/routes/*.py")
    sent = set(re.findall(r'(?:\bevent|ops_event|notify_all)\(\s*"([a-z:]+)"', text))
    assert first_cells(section(EVENTS, "## What the server sends")) == sent


def test_why_nobody_joins() -> None:
    sent = set(re.findall(r'(?:RefusedError|refuse)\("([^"]+)"\)', source("sync/*.py", "world.py")))
    assert first_cells(section(CODES, "### When a client joins")) == sent


def test_why_a_batch_or_a_question_is_refused() -> None:
    text = source("sync/handlers.py", "sync/answers.py", "spaces/hub.py")
    sent = set(re.findall(r'_refuse\(taken, "(\w+)"', text))
    sent |= set(re.findall(r'\b(?:FormatError|SilaError)\([^)]*code="(\w+)"', text))
    sent |= {error.default_code for error in (InvalidIdError, StorageError, StorageFullError)}
    sent |= session._CODES_OF_ENDED_RIGHTS
    assert first_cells(section(CODES, "### For a batch or a question")) == sent


def test_why_an_op_is_refused() -> None:
    text = source("sync/handlers.py", "spaces/hub.py", "ops/op_store.py")
    text += "".join((CORE / f"{name}.py").read_text() for name in ("wire", "op_codec"))
    sent = set(re.findall(r'InvalidOpError\([^)]*code="(\w+)"', text))
    sent |= {InvalidOpError.default_code, InvalidValueError.default_code}
    listed = first_cells(section(CODES, "### For single ops of a batch"))
    assert sent <= listed
    for code in listed - sent:
        assert f'"{code}"' in text, f"{code} is never sent"


def test_why_a_connection_ends() -> None:
    text = source("sync/*.py", "spaces/*.py", "world.py")
    ends = set(re.findall(r'(?:\.end|EndedError)\("(\w+)"\)', text)) - {"gone"}
    ends |= session._CODES_OF_ENDED_RIGHTS | {"internal"}
    said = set(re.findall(r"`(\w+)`", section(CODES, "### When a connection ends")))
    assert said - {"error"} >= ends and said <= ends | {"error"}


def test_the_figures() -> None:
    assert constants.FRAME_BYTES_MAX == 16 << 20 and "| one frame | 16 MiB" in EVENTS
    assert constants.OP_BYTES_MAX == 4 << 20 and "| one value | 4 MiB" in EVENTS
    assert f"acknowledgement | {constants.CREDIT}," in EVENTS
    assert f"at most {constants.BATCH_OPS:,} ops" in EVENTS
    assert f"after {constants.DRAIN_SECONDS_MAX:.0f} s in which" in EVENTS
    assert f"joins at most {constants.NAMESPACES_PER_SOCKET_MAX} spaces" in EVENTS
    assert f"pings every {gateway.PING_SECONDS} s" in EVENTS
    assert f"joined no space for {gateway._LONELY_SECONDS_MAX:.0f} s" in EVENTS
    assert constants.COUNTER_JUMP_MAX == 1 << 20 and "more than 2^20 above" in CODES
