"""Real daemons and a real server under an hour of trouble; see `__main__`."""
