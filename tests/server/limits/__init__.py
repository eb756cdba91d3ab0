"""What clients may ask of the server."""
