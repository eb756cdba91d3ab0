"""Spaces as a whole: opened, exported, found, removed."""
