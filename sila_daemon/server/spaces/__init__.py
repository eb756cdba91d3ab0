"""Spaces as a whole, and what becomes of them.

They are opened at first use and closed when idle; a hub tells listeners what was committed. Beside
ops and files a space has secrets and a name, leaves as a zip, and may be found in the data folder.
Whatever removes things is here too: orphaned files, deleted spaces, deleted users.
"""
