"""The server: its parts in memory, and the whole over real sockets."""
