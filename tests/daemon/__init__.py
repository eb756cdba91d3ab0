"""The daemon as a process, and what it keeps for itself."""
