"""How a client asks to join a space, between whatever carries it and the rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sila_daemon.server.spaces.frames import Peer
from sila_daemon.server.sync.session import SpaceSession


@dataclass(frozen=True, slots=True)
class Knock:
    """What a client presents to join a space; nothing of it is checked yet."""

    space_id: str
    auth: object
    address: str


class RefusedError(Exception):
    """The client may not join; the message is one of the protocol's."""


Admit = Callable[[Knock, Peer], Awaitable[SpaceSession]]
"""Lets a client in, or raises RefusedError. The session's `run` is called once it is connected."""
