"""What a planted fault is: wrong code that stands in for right code within one test."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from unittest.mock import patch


@dataclass(frozen=True, slots=True)
class Mutant:
    """Wrong code in the place of right code."""

    owner: type | ModuleType
    name: str
    code: Any
    seeds: tuple[int, ...] = ()
    plan: str = ""
    """The name of a kept plan that kills it."""

    def planted(self) -> AbstractContextManager[object]:
        """Has the wrong code run within a `with` block."""
        return patch.object(self.owner, self.name, self.code)
