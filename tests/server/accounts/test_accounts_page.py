"""The page on accounts and rights says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from sila_daemon.server.accounts import (
    audit,
    device_codes,
    invites,
    login_limits,
    passwords,
    sessions,
)
from sila_daemon.server.http.routes.auth import AUTH_RULES
from sila_daemon.server.http.routes.device import DEVICE_RULES
from sila_daemon.server.http.routes.members import MEMBER_RULES
from sila_daemon.server.http.routes.spaces import SPACE_RULES
from sila_daemon.server.settings import AccountSettings
from sila_daemon.server.sync.handlers import EVENT_RULES

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "reference" / "server-accounts.md").read_text(encoding="utf-8")
SERVER = ROOT / "sila_daemon" / "server"
ROUTES = SERVER / "http" / "routes"
OWN_MODULES = [
    *sorted((SERVER / "accounts").glob("*.py")),
    *(ROUTES / f"{name}.py" for name in ("auth", "device", "members", "spaces")),
    SERVER / "http" / "rules.py", SERVER / "spaces" / "removal.py",
    SERVER / "commands" / "account_commands.py",
]  # fmt: skip


def section(name: str) -> str:
    """The text below a heading."""
    return PAGE.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def test_every_route_and_its_right_stand_on_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| ([^|]+) \|", section("Routes"), re.MULTILINE)
    rules = [*AUTH_RULES, *DEVICE_RULES, *SPACE_RULES, *MEMBER_RULES]
    assert sorted(rows) == sorted((rule.method, rule.path, rule.right.value) for rule in rules)


def test_every_event_and_its_right_stand_on_the_page() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", section("Events"), re.MULTILINE)
    assert rows == [(name, rule.right.value) for name, rule in EVENT_RULES.items()]


def test_every_code_stands_on_the_page() -> None:
    listed = set(re.findall(r"`(\w+)`", section("Error codes")))
    text = "".join(path.read_text(encoding="utf-8") for path in OWN_MODULES)
    raised = set(re.findall(r'code="(\w+)"', text)) | set(device_codes._MEANINGS)
    assert raised - {"authorization_pending", "slow_down", "access_denied"} <= listed
    shown = set(re.findall(r"`(\w+)`", section("Routes")))
    assert set(device_codes._MEANINGS) <= shown


def test_every_action_of_the_audit_log_stands_on_the_page() -> None:
    listed = set(re.findall(r"`([a-z_]+)`", section("The audit log").partition("|---|")[2]))
    noted = {"device_allowed", "device_refused", "user_disabled", "user_enabled", "entries_dropped"}
    for path in SERVER.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        noted |= set(re.findall(r'(?:note|note_now_and_then)\(\s*"(\w+)"', text))
        noted |= set(re.findall(r'_note\(request, "(\w+)"', text))
        noted |= set(re.findall(r'noted="(\w+)"', text))
    assert noted == listed


def test_the_figures_are_those_of_the_code() -> None:
    assert f"{passwords.LENGTH_MIN} to {passwords.LENGTH_MAX} characters" in PAGE
    assert f"not used for {sessions.SESSION_SECONDS // 86_400} days" in PAGE
    assert sessions.ACCESS_SECONDS == 3600 and "good for an hour" in PAGE
    assert f"Of one user {sessions.SESSIONS_MAX} sessions" in PAGE
    assert device_codes.CODE_SECONDS == 600 and "good for ten minutes" in PAGE
    assert f"after {invites.DAYS_DEFAULT} days" in PAGE and f"at most {invites.DAYS_MAX}" in PAGE
    assert f"for {audit.DAYS_MAX} days and at most {audit.ENTRIES_MAX:,} entries" in PAGE
    assert f"`accounts.grace_days` ({AccountSettings().grace_days})" in PAGE
    assert AccountSettings().sign_up == "closed"
    assert passwords.CONCURRENT_HASHES == 2 and "Two hashes" in PAGE
    limits = (SERVER / "accounts" / "login_limits.py").read_text(encoding="utf-8")
    assert login_limits.LoginLimits.__doc__ and "burst=5, per_second=5 / 60" in limits
