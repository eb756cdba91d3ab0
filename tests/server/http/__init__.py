"""Routes over real sockets, and the layers around them."""
