"""The space folder on disk, as the original app reads and writes it.

Knows paths and bytes; takes the disk, the clock and chance as arguments. Reading changes nothing.
Writing opens only files that this process alone writes; secrets and mutable files excepted, which
are replaced atomically. Source: the space format.
"""
