"""The ops of one space in one SQLite file.

Its tables, commits in order, questions answered from indexes, the history by time, and op files on
their way in. Nothing here knows connections, or who may ask.
"""
