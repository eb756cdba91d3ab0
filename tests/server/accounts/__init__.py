"""Users, sessions, tokens, rights and the audit log."""
