"""SQLite on a small fixed pool of threads: one connection for each database file."""
