"""The terminal app, driven against a daemon that answers from fixed data over a real socket."""
