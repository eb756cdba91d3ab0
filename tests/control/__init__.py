"""The local protocol, over real sockets."""
