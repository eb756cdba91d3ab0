"""The CRDT and what a space means: pure and synchronous; no files, sockets, clocks or threads."""
