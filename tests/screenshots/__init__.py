"""Pictures of every screen from fixed data, for the README and for eyes."""
