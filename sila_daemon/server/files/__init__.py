"""The files of one space.

Bytes on disk in the layout of a local folder, rows about them, uploads that go on after an
interruption, many files in one body, and quotas. Nothing here knows what ops say about files:
orphans, which need both, are found in `spaces`.
"""
