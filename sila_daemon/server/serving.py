"""`sila-server serve`: one process that listens, until it is asked to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from sila_daemon.core.errors import StorageError
from sila_daemon.server.admin import admin_socket
from sila_daemon.server.app import GuardedApp, make_app
from sila_daemon.server.gateway import FRAME_MARGIN_BYTES
from sila_daemon.server.limits import FRAME_BYTES_MAX
from sila_daemon.server.locks import data_lock
from sila_daemon.server.ports import system_ports
from sila_daemon.server.world import World

LOG = logging.getLogger(__name__)

STOP_SECONDS_MAX = 5
"""For requests that are under way when the server is asked to stop; commits come after it."""


class Listening(uvicorn.Server):
    """uvicorn that leaves signals to us: its own way ends the process by the signal."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Captures nothing."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to listen."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()


def listen(host: str, port: int) -> socket.socket:
    """Binds a socket, port 0 for any free one. Raises StorageError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StorageError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            code="cannot_listen",
            hint="Choose another --port, or stop what listens there.",
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Returns the address that a bound socket is reached at."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(
    data: Path,
    host: str,
    port: int,
    on_ready: Callable[[str], None],
    allowed_origins: Sequence[str] = (),
) -> None:
    """Serves a data folder until SIGTERM or SIGINT. Raises AlreadyRunningError, StorageError."""
    with data_lock(data), system_ports() as ports:
        listener = listen(host, port)
        try:
            world = await World.open(data, ports)
            try:
                app = make_app(world, allowed_origins)
                async with admin_socket(world, data):
                    await _run(app, listener, on_ready)
            finally:
                await world.close()
        finally:
            listener.close()


async def _run(app: GuardedApp, listener: socket.socket, on_ready: Callable[[str], None]) -> None:
    config = uvicorn.Config(
        app,
        ws_max_size=FRAME_BYTES_MAX + FRAME_MARGIN_BYTES,
        ws_per_message_deflate=False,
        # Engine.IO has its own pings; these also end a transport whose reader has stopped.
        ws_ping_interval=20,
        ws_ping_timeout=20,
        timeout_graceful_shutdown=STOP_SECONDS_MAX,
        timeout_keep_alive=30,
        access_log=False,
        server_header=False,
        log_config=None,
        lifespan="on",
    )
    server = Listening(config, lambda: on_ready(url_of(listener)))

    def stop() -> None:
        LOG.info("asked to stop")
        app.gateway.begin_stop()
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await server.serve(sockets=[listener])
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
