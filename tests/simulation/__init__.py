"""A simulated world that runs the real code: seeded, in virtual time, on a disk that forgets."""
