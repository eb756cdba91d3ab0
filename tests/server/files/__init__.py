"""Files of a space: rows, bytes, quotas, uploads."""
