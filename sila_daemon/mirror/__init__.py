"""Keeps one space equal in memory, store, folder and servers."""
