"""Everything of Sila that runs without a screen: the sync daemon, its core, and the server."""
