"""Sila with a screen: the terminal app, which reaches the daemon only through its socket."""
