"""The local protocol between the daemon and its clients: JSON-RPC 2.0, one line a message."""
