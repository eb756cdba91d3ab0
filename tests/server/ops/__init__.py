"""The ops of one space in its database."""
