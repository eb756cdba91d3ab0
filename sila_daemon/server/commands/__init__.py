"""What `sila-server` does on command, besides serving.

One registry of commands that run in the command's own process or, over the admin socket, inside
the server that has the data folder. `admin_client` loads nothing heavy: commands answer at once.
"""
