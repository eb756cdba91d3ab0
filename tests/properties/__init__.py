"""Laws of the core, searched for counter-examples by Hypothesis."""
