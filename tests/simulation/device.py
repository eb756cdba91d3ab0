"""A person's machine: the real mirror on a simulated disk, beside other programs."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import SilaError
from sila_daemon.credentials.token_file import AccountStore
from sila_daemon.folder.space_folder import create_space_folder
from sila_daemon.mirror.record import (
    Device,
    MirrorPorts,
    MirrorSettings,
    ServerRecord,
    SpaceRecord,
)
from sila_daemon.mirror.space_mirror import SpaceMirror
from sila_daemon.ports.disk import make_dirs
from sila_daemon.store.fetch_policy import FetchPolicy
from tests.simulation.control import SimControl
from tests.simulation.disk import DiskView, MachineDisk
from tests.simulation.inodes import Directory
from tests.simulation.ports import SimClock, SimRandomness, SimWatcher
from tests.simulation.process import Process, spawn_outside
from tests.simulation.sign_in import make_credentials
from tests.simulation.threads import databases_of, workers_of
from tests.simulation.vfs import SimVfs

if TYPE_CHECKING:
    from sila_daemon.credentials.tokens import Credentials
    from tests.simulation.checkers import FolderGuard
    from tests.simulation.network import Network
    from tests.simulation.trace import Trace

SPACE = "25f87e271fb347078ec4fbaad528d1b8"
FOLDER = Path("/home/space")
HOME = Path("/home/.sila")
SETTINGS = MirrorSettings(
    scan_interval_s=8.0,
    full_look_s=16.0,
    append_interval_s=0.5,
    retry_delay_s_max=4.0,
    loss_grace_s=2.0,
    guard=None,
    tree_idle_s=4.0,
    confirm_interval_s=3.0,
)


class SimDevice:
    """One device; `start` after each end of its daemon."""

    def __init__(
        self,
        name: str,
        seed: str,
        trace: Trace,
        network: Network,
        guard: FolderGuard,
        *,
        has_folder: bool = True,
        twin: SimDevice | None = None,
    ) -> None:
        """Without a folder the space is kept in the store only.

        With `twin` it is another daemon on the machine of that one, in the same folder.
        """
        self.name = name
        self.clock: SimClock = SimClock(trace.now) if twin is None else twin.clock
        self.disk: MachineDisk = (
            MachineDisk(name, self.clock.monotonic) if twin is None else twin.disk
        )
        self.started_at = 0.0
        self.home = HOME if twin is None else HOME.with_name(f".sila-{name}")
        self.mirror: SpaceMirror | None = None
        self.server_urls: tuple[str, ...] = ()
        self.original_url = ""
        """A server of the original kind that it mirrors to as well."""
        self.credentials: Credentials | None = None
        """The accounts, while the daemon runs."""
        self.control: SimControl | None = None
        """The control socket, while the daemon runs."""
        self.control_bugs: list[str] = []
        self.has_folder = has_folder
        self.files_root = FOLDER / "space-v1" / "files" if has_folder else self.home / "files"
        self.hint_loss = 0.0
        self.has_threads = False
        self.guard = guard
        self.settings = SETTINGS
        self.fetch = FetchPolicy()
        self.shares_folder = twin is not None
        """Whether others than this daemon and the other program write into the folder."""
        self._seed = seed
        self._trace = trace
        self._network = network
        self._vfs: list[SimVfs] = []
        self._starts = 0
        self._view: DiskView
        self._process: Process | None = None
        self.is_folder_away = False
        self._taken_away_at: list[float] = [] if twin is None else twin._taken_away_at
        self._away: Directory
        self._watcher: SimWatcher | None = None
        self._running: asyncio.Task[None] | None = None
        self._dying: list[asyncio.Task[None]] = []
        self._has_stopped = asyncio.Event()
        self._has_stopped.set()

    def prepare(self) -> None:
        """Makes the space's folder, as `space add` does, all of it durable."""
        view = self.disk.view()
        make_dirs(view, FOLDER.parent)
        if self.has_folder and view.find(FOLDER) is None:
            create_space_folder(FOLDER, view, SimRandomness(Random(self.name)), SPACE)

    def mark_as_carried(self) -> None:
        """Leaves in the folder what tells of the tool that carries it."""
        view = self.disk.view(may_crash=False)
        view.make_dir(FOLDER / ".stfolder")
        view.sync_dir(FOLDER)

    @property
    def email(self) -> str:
        """The address of this device's account on every server: no two devices share one."""
        return f"{self.name}@example.org"

    async def sign_in(self, server_url: str) -> None:
        """Signs in as a person does; the daemon may be running or not."""
        running = self.credentials
        if running is None:
            await self._sign_in(self._accounts(self.disk.view(), Random(self.name)), server_url)
        elif self._process is not None:
            await asyncio.wait([self._process.spawn(self._sign_in(running, server_url))])

    async def _sign_in(self, credentials: Credentials, server_url: str) -> None:
        try:
            if credentials is not self.credentials:
                await credentials.load()
            await credentials.login(server_url, email=self.email, password="-", insecure=True)
        except SilaError as error:
            self._trace.note(self.name, f"cannot sign in: {error.code}")

    def _accounts(self, view: DiskView, random: Random) -> Credentials:
        path = self.home.with_name(f"{self.home.name}-accounts.json")
        store = AccountStore(path, view, SimRandomness(random), None)
        return make_credentials(self.name, store, self.clock, self._network)

    @property
    def view(self) -> DiskView:
        """The disk as its daemon sees it."""
        return self._view

    @property
    def is_running(self) -> bool:
        """Whether the daemon runs."""
        return self._process is not None

    def start(self) -> None:
        """Starts the daemon."""
        self._starts += 1
        self.started_at = self.clock.monotonic()
        self._trace.note(self.name, "starts")
        process = self._process = Process(f"{self.name}.{self._starts}")
        random = Random(f"{self._seed}/{self.name}/{self._starts}")
        view = self._view = self.disk.view(self.guard.check)
        vfs = SimVfs(view, random, self.clock.time)
        self._vfs.append(vfs)
        self._watcher = SimWatcher(self.disk, random, self.hint_loss)
        credentials = self.credentials = self._accounts(view, random)
        ports = MirrorPorts(
            clock=self.clock,
            disk=view,
            randomness=SimRandomness(random),
            workers=workers_of(random, has_threads=self.has_threads),
            databases=databases_of(random, vfs.vfs_name, has_threads=self.has_threads),
            connector=self._network.connector(self.name),
            tokens=credentials,
            watcher=self._watcher,
        )
        urls = (*self.server_urls, self.original_url) if self.original_url else self.server_urls
        servers = tuple(ServerRecord(url, "mirror") for url in urls)
        root = FOLDER if self.has_folder else None
        record = SpaceRecord(SPACE, root, servers, fetch=self.fetch)
        device = Device(self.name, self.name, "simulated")
        self.mirror = SpaceMirror(record, ports, self.home, device, self.settings)
        self.control = SimControl(self.mirror, ports, process, random)
        self._running = process.spawn(_run(credentials, self.mirror))

    async def ensure_running(self) -> None:
        """Starts the daemon, if it does not run; one that is being stopped keeps others out."""
        await self._has_stopped.wait()
        if not self.is_running:
            self.start()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs something in the daemon's process: it dies with it."""
        assert self._process is not None
        self._process.spawn(work)

    async def stop(self) -> None:
        """Ends the daemon as SIGTERM does."""
        process, self._process = self._process, None
        if process is None:
            return
        self._trace.note(self.name, "stops")
        self._leave_control()
        assert self._running is not None
        self._running.cancel()
        self._has_stopped.clear()
        try:
            await asyncio.wait([self._running])
            self.mirror, self.credentials = None, None
            self._cut_all()
            await process.kill()
        finally:
            self._has_stopped.set()

    def kill(self) -> None:
        """Ends the daemon at once; the machine works on."""
        if self.end_at_once("kill"):
            self._view.part()

    def end_at_once(self, how: str) -> bool:
        """Ends the daemon in the midst of whatever it does; what the disk keeps comes after."""
        process, self._process = self._process, None
        if process is None:
            return False
        self._trace.fault(self.name, how)
        self._leave_control()
        self.mirror, self.credentials = None, None
        assert self._watcher is not None
        self._watcher.end_all()
        self._cut_all(server_learns=how == "kill")
        self._dying.append(spawn_outside(process.kill()))
        return True

    def vanish(self) -> None:
        """Ends the daemon at once, also one that is being stopped."""
        self.kill()
        self._view.part()

    @property
    def away_since(self) -> float:
        """When the folder was last taken away, by the device's monotonic clock."""
        return max(self._taken_away_at, default=-math.inf)

    def take_folder_away(self) -> bool:
        """Takes the folder out of the file system, if it is there."""
        mounted = self.disk.view().find(FOLDER)
        if not isinstance(mounted, Directory):
            return False
        self._away, self.is_folder_away = mounted, True
        self._taken_away_at.append(self.clock.monotonic())
        self._mount(None)
        return True

    def bring_folder_back(self) -> None:
        """Undoes that, unless another one was put there meanwhile."""
        if self.is_folder_away:
            self.is_folder_away = False
            if self.disk.view().find(FOLDER) is not None:
                self.guard.violations.append("a folder was made where one was away")
            self._mount(self._away)

    def _mount(self, folder: Directory | None) -> None:
        parent = self.disk.view().find(FOLDER.parent)
        assert isinstance(parent, Directory), "only the folder goes away"
        parent.change((FOLDER.name, folder))
        parent.sync()
        self.disk.changed(self.disk.root, FOLDER)

    def _leave_control(self) -> None:
        """Hangs up on everybody: whoever waits for an answer learns that none will come."""
        control, self.control = self.control, None
        if control is not None:
            self.control_bugs += control.bugs
            control.hang_up()

    async def buried(self) -> None:
        """Returns when nothing of dead processes runs any more."""
        await asyncio.gather(*self._dying)

    def _cut_all(self, *, server_learns: bool = True) -> None:
        for wire in self._network.open_wires(self.name):
            wire.cut(server_learns=server_learns)


async def _run(credentials: Credentials, mirror: SpaceMirror) -> None:
    """Does what a daemon does at its start, as far as its disk lets it."""
    try:
        await credentials.load()
    except SilaError:
        pass  # Nobody is signed in until a person sees to it.
    await mirror.run()
