"""Users, what proves who they are, and who may do what.

Passwords, sessions with the tokens and keys behind them, device codes, spaces by name with their
members and invites, rights, the audit log, and the one database that keeps all of it. Nothing here
knows what spaces hold, nor by which way anybody asks.
"""
