"""How commands put numbers and policies into words; light, so that commands answer at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core.wording import counted

if TYPE_CHECKING:
    from typing import Any


def size(byte_count: float) -> str:
    """Says how much bytes are."""
    for unit in ("B", "kB", "MB", "GB"):
        if byte_count < 999.95:
            return f"{byte_count:.0f} {unit}" if unit == "B" else f"{byte_count:.1f} {unit}"
        byte_count /= 1000
    return f"{byte_count:.1f} TB"


def policy_words(policy: dict[str, Any]) -> str:
    """Says what is fetched."""
    if policy["onDemand"]:
        return "files on demand"
    conditions = []
    if policy["newerThanDays"] is not None:
        conditions.append(f"newer than {policy['newerThanDays']:g} d")
    if policy["upToBytes"] is not None:
        conditions.append(f"up to {size(policy['upToBytes'])}")
    return f"files {', '.join(conditions)}" if conditions else "all files"


def away_lines(space: dict[str, Any]) -> list[str]:
    """Says how much is left on the servers, if anything is."""
    if not space["filesAway"]:
        return []
    away = f"{counted(space['filesAway'], 'file')}, {size(space['bytesAway'])}"
    return [f"left on the servers: {away} (fetches {policy_words(space['fetch'])})"]
