"""Packets and connections, with the clients of others."""
