"""`sila-server serve`: one process that listens, until it is asked to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from sila_daemon.core.errors import StorageError, UsageError
from sila_daemon.ports.process_tuning import tune
from sila_daemon.server.app import ServerApp, make_app
from sila_daemon.server.commands.admin import admin_socket
from sila_daemon.server.http.protocol import bounded_protocol
from sila_daemon.server.limits.constants import FRAME_BYTES_MAX
from sila_daemon.server.locks import data_lock
from sila_daemon.server.ports import system_ports
from sila_daemon.server.sync.gateway import FRAME_MARGIN_BYTES
from sila_daemon.server.sync.websockets import DirectWebSocketProtocol
from sila_daemon.server.world import World

if TYPE_CHECKING:
    from sila_daemon.server.settings import ListenSettings, ServerSettings

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


def url_of(listener: socket.socket, *, is_secure: bool = False) -> str:
    """Returns the address that a bound socket is reached at."""
    host, port = listener.getsockname()[:2]
    scheme = "https" if is_secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


async def serve(data: Path, settings: ServerSettings, on_ready: Callable[[str], None]) -> None:
    """Serves a data folder until SIGTERM or SIGINT.

    Raises AlreadyRunningError, StorageError, UsageError for a certificate that cannot be used.
    """
    listen_to = settings.listen
    check_certificate(listen_to)
    with data_lock(data), system_ports() as ports:
        listener = listen(listen_to.host, listen_to.port)
        try:
            world = await World.open(data, ports, settings)
            try:
                app = make_app(world)
                tune()
                async with admin_socket(world, data):
                    await _run(app, world, listener, on_ready)
            finally:
                await world.close()
        finally:
            listener.close()


def http_config(app: ServerApp, settings: ServerSettings) -> uvicorn.Config:
    """Says how uvicorn serves an application."""
    return uvicorn.Config(
        app,
        http=bounded_protocol(settings.listen.connections_max),
        ws=DirectWebSocketProtocol,
        ws_max_size=FRAME_BYTES_MAX + FRAME_MARGIN_BYTES,
        ws_per_message_deflate=False,
        # Engine.IO has its own pings; these also end a transport whose reader has stopped.
        # They cost an idle device as much as those, so they are rare.
        ws_ping_interval=60,
        ws_ping_timeout=20,
        timeout_graceful_shutdown=STOP_SECONDS_MAX,
        timeout_keep_alive=30,
        ssl_certfile=settings.listen.tls_cert or None,
        ssl_keyfile=settings.listen.tls_key or None,
        # What proxies say is read where it is known which of them are trusted.
        proxy_headers=False,
        access_log=False,
        server_header=False,
        log_config=None,
        lifespan="on",
    )


async def _run(
    app: ServerApp, world: World, listener: socket.socket, on_ready: Callable[[str], None]
) -> None:
    listen_to = world.settings.listen
    config = http_config(app, world.settings)
    url = url_of(listener, is_secure=bool(listen_to.tls_cert))
    server = Listening(config, lambda: on_ready(url))

    def stop() -> None:
        LOG.info("asked to stop")
        world.is_stopping = True
        app.gateway.begin_stop()
        server.should_exit = True

    def reload() -> None:
        """Takes a renewed certificate; connections that are open keep the old one."""
        if config.ssl is None:
            return
        try:
            config.ssl.load_cert_chain(listen_to.tls_cert, listen_to.tls_key)
            LOG.info("the certificate was read again")
        except (OSError, ssl.SSLError) as error:
            LOG.error("the certificate stays the old one: %s", error)

    handlers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
    loop = asyncio.get_running_loop()
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        await server.serve(sockets=[listener])
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


def check_certificate(settings: ListenSettings) -> None:
    """Raises UsageError when a certificate and its key cannot be used."""
    if not settings.tls_cert:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            settings.tls_cert, settings.tls_key, password=lambda: b""
        )
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"the certificate {settings.tls_cert} cannot be used: {error}",
            code="bad_certificate",
            hint="Both files are PEM; the certificate holds its chain, the key has no password.",
        ) from error
