"""How Hypothesis searches: the same way in every run, however slow the machine is."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("sila", deadline=None, derandomize=True, max_examples=200)
settings.load_profile("sila")
