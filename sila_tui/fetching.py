"""Which files come to this machine by themselves: the policy of a space in words, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sila_daemon.core.errors import UsageError
from sila_tui.words import size

ALL, ON_DEMAND = "all", "on demand"
_SIZE = re.compile(r"(\d{1,9}(?:\.\d{1,3})?) ?([kmgt]?b)?", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_DAYS_MAX = 100_000


@dataclass(frozen=True)
class FetchPolicy:
    """What comes unasked: everything, nothing, or what meets every condition."""

    is_on_demand: bool = False
    newer_than_days: float | None = None
    up_to_bytes: int | None = None

    @classmethod
    def read(cls, row: object) -> FetchPolicy:
        """Reads `fetch` of a space; a daemon that has none fetches everything."""
        known = row if isinstance(row, Mapping) else {}
        days, most = known.get("newerThanDays"), known.get("upToBytes")
        return cls(
            known.get("onDemand") is True,
            float(days) if isinstance(days, int | float) else None,
            int(most) if isinstance(most, int | float) else None,
        )

    @property
    def is_everything(self) -> bool:
        """Whether all files come."""
        return self == EVERYTHING

    @property
    def words(self) -> str:
        """What comes, after `fetches`."""
        if self.is_on_demand:
            return "files on demand only"
        conditions = []
        if self.newer_than_days is not None:
            conditions.append(f"not older than {self.newer_than_days:g} days")
        if self.up_to_bytes is not None:
            conditions.append(f"up to {size(self.up_to_bytes)}")
        return f"files {', '.join(conditions)}" if conditions else "all files"

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of `space.set_fetch`."""
        return {
            "onDemand": self.is_on_demand,
            "newerThanDays": self.newer_than_days,
            "upToBytes": self.up_to_bytes,
        }


EVERYTHING = FetchPolicy()
"""The policy of a space that nobody gave one."""


def policy_of(said: Mapping[str, str]) -> FetchPolicy:
    """Reads what a person wrote into the dialog. Raises UsageError."""
    if said["what"] == ON_DEMAND:
        return FetchPolicy(is_on_demand=True)
    return FetchPolicy(False, _days(said["days"]), _bytes(said["size"]))


def _days(text: str) -> float | None:
    if not text:
        return None
    found = re.fullmatch(r"\d{1,6}(?:\.\d{1,3})?", text)
    days = float(text) if found else 0.0
    if not 0 < days <= _DAYS_MAX:
        raise UsageError(f"{text} is no number of days", hint="for example 30")
    return days


def _bytes(text: str) -> int | None:
    if not text:
        return None
    found = _SIZE.fullmatch(text)
    count = int(float(found[1]) * _UNITS[(found[2] or "").lower()]) if found else 0
    if count <= 0:
        raise UsageError(f"{text} is no size", hint="for example 500 kB, 10 MB or 2 GB")
    return count
