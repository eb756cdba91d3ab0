"""What a mirror is told about its space, and the effects that it may use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from sila_daemon.store.fetch_policy import FetchPolicy
from sila_daemon.store.guard import GuardSettings

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.database.database import Databases
    from sila_daemon.mirror.connector import Connector
    from sila_daemon.mirror.watcher import Watcher
    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.disk import Disk
    from sila_daemon.ports.randomness import Randomness
    from sila_daemon.ports.workers import Workers

SecretsPolicy = Literal["mirror", "keep"]


@dataclass(frozen=True, slots=True)
class ServerRecord:
    """A server that a space is mirrored to."""

    url: str
    """Without a slash at its end."""
    secrets: SecretsPolicy = "keep"
    """Whether secrets go there: whoever runs the server can read them."""


@dataclass(frozen=True, slots=True)
class SpaceRecord:
    """A space that the daemon looks after, and its layers."""

    id: str
    path: Path | None = None
    """Its folder; None when it is kept in the store only."""
    servers: tuple[ServerRecord, ...] = ()
    paused_until: float | None = None
    """Unix seconds; infinity until somebody resumes it, None when it is not paused."""
    fetch: FetchPolicy = field(default_factory=FetchPolicy)
    """Which files come here by themselves."""

    @property
    def is_alone(self) -> bool:
        """Whether the store is all that holds the space."""
        return self.path is None and not self.servers


class Tokens(Protocol):
    """Access tokens by server."""

    async def access_token(self, server_url: str) -> str:
        """Returns a token that is worth trying. Raises SignInNeededError, RemoteError."""
        ...

    async def refused(self, server_url: str) -> None:
        """Notes that the server refused the current token: the next one will be a new one."""
        ...


@dataclass(frozen=True, slots=True)
class MirrorPorts:
    """Every effect of a mirror."""

    clock: Clock
    disk: Disk
    randomness: Randomness
    workers: Workers
    databases: Databases
    connector: Connector
    tokens: Tokens
    watcher: Watcher


@dataclass(frozen=True, slots=True)
class Device:
    """How this machine introduces itself to servers."""

    id: str
    name: str
    platform: str


@dataclass(frozen=True, slots=True)
class MirrorSettings:
    """How often things are done."""

    scan_interval_s: float = 120.0
    """A scan finds what file events missed; jittered by a fifth."""
    append_interval_s: float = 0.5
    """The folder is written to at most this often."""
    retry_delay_s_max: float = 60.0
    loss_grace_s: float = 10.0
    """An op file that lacks what was read from it has so long to be as it was, and an immutable
    file to become what its name says."""
    seen_after_s: float = 2.0
    """What an original server shows so long after it came is taken to be kept there: it writes
    what it has in memory every 500 ms."""
    confirm_interval_s: float = 600.0
    """An original server is asked for everything of a tree at most this often."""
    tree_idle_s: float = 600.0
    """A tree that nobody asked for this long is let go of."""
    guard: GuardSettings | None = field(default_factory=GuardSettings)
    """What is too much at once; None where nobody is to be asked."""
    full_look_s: float = 720.0
    """Scans pass over immutable files in directories whose names are as they were; the first one
    after so long looks at each file, however it seems."""
