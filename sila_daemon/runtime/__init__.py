"""The daemon as a process: what is opened when it starts and flushed when it stops."""
