"""What one client may ask of the server; each number is announced, tested or both."""

from __future__ import annotations

FRAME_BYTES_MAX = 16 << 20
"""Clients of the original put everything they have into one frame."""

BATCH_OPS = 10_000
"""Ops in one outgoing chunk; the original's client fails on single answers of 125 thousand."""

CHUNK_BYTES = 512 << 10
"""JSON of one outgoing chunk, unless one op alone is larger: fits the original's own frames."""

OP_BYTES_MAX = 4 << 20
"""JSON of one value."""

CREDIT = 16
"""Batches that a client may have sent without an acknowledgement."""

COUNTER_JUMP_MAX = 1 << 20
"""How far above the highest known counter of its tree an op may be: one hostile op would
otherwise use up the clock of everybody."""

ALTERNATES_MAX = 4
"""Further contents kept for one op id."""

INBOX_BYTES_MAX = 32 << 20
"""Received and not yet handled; beyond it a connection is not read."""

INBOX_EVENTS_MAX = 4096
"""The same as a number of events."""

OUTBOX_BYTES_MAX = 8 << 20
"""Acknowledgements and questions that wait to leave; beyond it no more events are handled."""

NEWS_MAX = 1000
"""News that wait to leave; who lets more gather does not read."""

TRANSIENT_BYTES_MAX = 256 << 10
"""Live state queued for one connection; more is dropped, it is stale soon."""

RECENT_BYTES_MAX = 4 << 20
"""Commits that a hub keeps at hand for fan-out; who is further behind is served from SQL."""

DRAIN_SECONDS_MAX = 30.0
"""A reader that takes nothing for so long is let go with `slow_consumer`."""

HAVE_PART_BYTES = 256 << 10
"""JSON of one part of the answer to `ops:have`."""

NAMESPACES_PER_SOCKET_MAX = 256
"""Spaces that one Engine.IO connection may join."""

RECEIVED_BYTES_MAX = 256 << 20
"""What all connections together may have sent that is not yet committed or answered, and what
they are owed in answer; beyond it nobody is read until some of it is gone."""
