"""What the screens are put together from; each draws lines and knows no RPC."""
