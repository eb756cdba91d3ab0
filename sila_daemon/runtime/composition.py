"""The composition root, where every part of the daemon meets: start reading here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

from sila_daemon.control.activity import ActivityLog, Event
from sila_daemon.control.handlers import all_handlers
from sila_daemon.control.handlers.local_files import LocalFiles
from sila_daemon.control.server import ControlServer
from sila_daemon.core.errors import FormatError, SilaError
from sila_daemon.credentials.auth_api import HttpAuthApi
from sila_daemon.credentials.keyring_store import find_keyring
from sila_daemon.credentials.token_file import AccountStore
from sila_daemon.credentials.tokens import Credentials
from sila_daemon.database.database import ThreadDatabases
from sila_daemon.mirror.layers import FILES_NAME
from sila_daemon.mirror.leftovers import leftovers_before_ns
from sila_daemon.mirror.record import Device as MirrorDevice
from sila_daemon.mirror.record import MirrorPorts, MirrorSettings
from sila_daemon.mirror.root_watcher import RootWatcher
from sila_daemon.mirror.socketio_connector import SocketIoConnector
from sila_daemon.mirror.space_mirror import SpaceMirror
from sila_daemon.mirror.watchfiles_watcher import WatchfilesWatcher
from sila_daemon.ports.clock import SystemClock
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.durable_files import remove_temporaries
from sila_daemon.ports.mounts import SystemMounts
from sila_daemon.ports.process_tuning import tune
from sila_daemon.ports.randomness import SystemRandomness, new_id
from sila_daemon.ports.workers import ThreadWorkers
from sila_daemon.runtime.activity_pump import ActivityPump
from sila_daemon.runtime.device import open_device
from sila_daemon.runtime.process_facts import AccountFacts, ProcessFacts
from sila_daemon.runtime.remote_spaces import RemoteSpaces
from sila_daemon.runtime.running_spaces import RunningSpaces
from sila_daemon.runtime.space_folders import SpaceFolders
from sila_daemon.runtime.space_host import SpaceHost
from sila_daemon.runtime.space_registry import SpaceRegistry
from sila_daemon.store.guard import GuardSettings as MirrorGuard
from sila_daemon.supervisor import Supervisor

if TYPE_CHECKING:
    from sila_daemon.config import Config
    from sila_daemon.credentials.auth_api import Device
    from sila_daemon.mirror.record import SpaceRecord
    from sila_daemon.paths import Paths
    from sila_daemon.runtime.log_file import Log

WORKER_COUNT = 4
DATABASE_THREAD_COUNT = 2
DATABASE_CACHE_BYTES = 32 << 20
"""The indexes of a space that is loaded for the first time are written to all over."""


class Composition:
    """Opens everything on the real world, runs it, and closes it in turn."""

    def __init__(
        self,
        paths: Paths,
        settings: Config,
        log: Log,
        stop: Callable[[], None],
        reload: Callable[[], None],
    ) -> None:
        self._paths = paths
        self._settings = settings
        self._log = log
        self._stop = stop
        self._reload = reload
        self._clock = SystemClock()
        self._disk = SystemDisk()
        self._randomness = SystemRandomness()
        self._restart_wanted = asyncio.Event()

    def reconfigure(self, settings: Config) -> None:
        """Works by other settings from now on."""
        before, self._settings = self._settings, settings
        if _of_spaces(before) != _of_spaces(settings):
            self._restart_wanted.set()

    async def run(self) -> None:
        """Works until cancelled; every space flushes on the way out. Raises SilaError."""
        self._remove_leftovers()
        registry = SpaceRegistry(self._paths.registry_file, self._disk, self._randomness)
        registry.load()
        device = open_device(self._paths.device_file, self._disk, self._randomness)
        credentials = await self._open_credentials(device)
        async with AsyncExitStack() as stack:
            workers = ThreadWorkers(WORKER_COUNT, "worker")
            stack.callback(workers.close)
            databases = ThreadDatabases(DATABASE_THREAD_COUNT, cache_bytes=DATABASE_CACHE_BYTES)
            stack.callback(databases.close)
            connector = SocketIoConnector()
            stack.push_async_callback(connector.close)
            watcher = RootWatcher(
                WatchfilesWatcher(self._clock, self._randomness),
                SystemMounts(),
                self._clock,
                self._randomness,
                self._disk,
                workers,
            )
            ports = MirrorPorts(
                self._clock,
                self._disk,
                self._randomness,
                workers,
                databases,
                connector,
                credentials,
                watcher,
            )
            activity = ActivityLog(new_id(self._randomness), self._clock)
            activity.listen(self._log_activity)
            pump = ActivityPump(activity, self._clock)
            host = self._host(registry, ports, credentials, device, pump)
            server = self._server(host, credentials, activity, workers)
            async with asyncio.TaskGroup() as group:
                group.create_task(watcher.run(), name="watcher")
                group.create_task(pump.run(), name="activity")
                group.create_task(host.run(), name="spaces")
                group.create_task(server.run(), name="control")
                group.create_task(self._restart_when_wanted(host), name="restarts")
                await server.listening()
                tune()
                activity.append("started", text="the daemon has started")
                self._log.info("listening", spaces=len(registry.records()))

    async def _restart_when_wanted(self, host: SpaceHost) -> None:
        while True:
            await self._restart_wanted.wait()
            self._restart_wanted.clear()
            await host.restart_all()

    def _remove_leftovers(self) -> None:
        """Removes what a crash left half-written a while ago; no other daemon works here."""
        before_ns = leftovers_before_ns(self._clock)
        for directory in (self._paths.data_dir, self._paths.config_dir):
            with suppress(OSError):
                remove_temporaries(self._disk, directory, before_ns)

    async def _open_credentials(self, device: Device) -> Credentials:
        """A damaged file is moved aside: who was signed in signs in again."""
        path = self._paths.credentials_file
        keyring = None
        if self._settings.credentials.store == "auto":
            keyring = await find_keyring(f"sila-daemon {self._paths.instance_name}")
        store = AccountStore(path, self._disk, self._randomness, keyring)
        credentials = Credentials(store, HttpAuthApi(), self._clock, device)
        try:
            await credentials.load()
        except FormatError as error:
            aside = path.with_name(f"{path.name}.damaged-{int(self._clock.time())}")
            self._disk.rename(path, aside)
            self._log.error("accounts moved aside", reason=error.message, aside=str(aside))
        return credentials

    def _host(
        self,
        registry: SpaceRegistry,
        ports: MirrorPorts,
        credentials: Credentials,
        device: Device,
        pump: ActivityPump,
    ) -> SpaceHost:
        shown = MirrorDevice(device.id, device.name, device.platform)

        def make_mirror(record: SpaceRecord) -> SpaceMirror:
            found = self._settings
            settings = MirrorSettings(
                found.folder.scan_interval_s,
                found.folder.append_interval_s,
                found.server.retry_delay_s_max,
                guard=MirrorGuard(
                    found.guard.share, found.guard.vertices_min, found.guard.window_s
                ),
            )
            home = self._paths.stores_dir / record.id
            mirror = SpaceMirror(record, ports, home, shown, settings)
            mirror.observe(lambda event: pump.note(record.id, event, mirror.status))
            return mirror

        supervisor = Supervisor(self._clock, self._randomness, self._report_failure)
        return SpaceHost(
            registry,
            RunningSpaces(make_mirror, supervisor),
            SpaceFolders(ports, lambda space_id: self._paths.stores_dir / space_id / FILES_NAME),
            RemoteSpaces(ports.connector, credentials),
            credentials,
            self._clock,
            lambda: new_id(self._randomness),
        )

    def _server(
        self,
        host: SpaceHost,
        credentials: Credentials,
        activity: ActivityLog,
        workers: ThreadWorkers,
    ) -> ControlServer:
        process = ProcessFacts(self._clock, activity.epoch, credentials, self._stop, self._reload)

        def note(kind: str, url: str) -> None:
            activity.append(kind, text=f"{kind.replace('_', ' ')}: {url}", url=url)

        local = LocalFiles(self._disk, workers, self._randomness)
        handlers = all_handlers(process, host, AccountFacts(credentials, note), local)
        return ControlServer(self._paths.socket, handlers, activity, self._report_bug)

    def _log_activity(self, event: Event) -> None:
        tell = self._log.debug if event["kind"] == "ops" else self._log.info
        tell(str(event.get("text", event["kind"])), kind=event["kind"], space=event["space"])

    def _report_failure(self, name: str, error: SilaError, pause_s: float | None) -> None:
        self._log.warning(
            "failed", service=name, code=error.code, reason=error.message, again_in_s=pause_s
        )

    def _report_bug(self, method: str, error: Exception) -> None:
        self._log.error("a call failed by a bug", method=method, exc_info=error)


def _of_spaces(settings: Config) -> tuple[object, ...]:
    """Returns the settings that spaces work by."""
    return settings.folder, settings.server, settings.guard
