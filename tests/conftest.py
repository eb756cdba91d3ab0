"""How Hypothesis searches: the same way in every run, however slow the machine is."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "sila",
    deadline=None,
    derandomize=True,
    max_examples=200,
    # That looks at the clock, which says nothing on a machine that does other things too.
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("sila")
