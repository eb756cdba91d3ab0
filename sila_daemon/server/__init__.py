"""sila-server: accounts, spaces, ops, files and secrets, for daemons and the original."""
