"""One run: the world of a plan, its actions one after the other, and the end of all faults."""

from __future__ import annotations

import asyncio
import gc
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

from tests.simulation.app import SecondProgram
from tests.simulation.carrier import Carrier
from tests.simulation.checkers import FolderGuard, check_claim, check_end
from tests.simulation.commands import CommandUser
from tests.simulation.device import SETTINGS, SPACE, SimDevice
from tests.simulation.editor import Person
from tests.simulation.faults import FAULTS
from tests.simulation.faults.fault import later
from tests.simulation.faults.rights import MEMBER, restore
from tests.simulation.files import place_of, require_right_bytes
from tests.simulation.guarding import GUARDED, Deciders, check_held, require_held
from tests.simulation.guests import GUESTS, Guest
from tests.simulation.loop import SimLoop
from tests.simulation.network import Network
from tests.simulation.original_server import SimOriginal
from tests.simulation.originals import (
    ORIGINAL_FAULTS,
    check_at_end,
    check_seen,
    go_wrong,
)
from tests.simulation.plan import (
    APP_EDITS,
    APP_FILES,
    APP_REWRITES,
    CHATS,
    COMMANDS,
    EDITS,
    FETCHES,
    LIVE_EDITS,
    REMOVALS,
    UNDOS,
    WIPES,
    Action,
    Plan,
)
from tests.simulation.poison import Poison
from tests.simulation.process import spawn_outside
from tests.simulation.record import Record, ViolationError
from tests.simulation.rights import Rights
from tests.simulation.server import SimServer
from tests.simulation.settling import settle, settling_s
from tests.simulation.tight import tight_limits
from tests.simulation.topology import is_joined
from tests.simulation.trace import Trace
from tests.simulation.vfs import close_all

Doer = Callable[[Action], Awaitable[None] | None]


@dataclass(slots=True)
class Outcome:
    """What came of a run."""

    plan: Plan
    digest: str
    lines: list[str]
    faults: dict[str, int]
    virtual_s: float
    violation: str = ""
    steps: int = 0
    """How many callbacks the loop ran."""
    kinds: list[str] = field(default_factory=list)


def run(plan: Plan, on_line: Callable[[str], None] | None = None) -> Outcome:
    """Runs a plan to its end; a broken promise is told, not raised."""
    was_on = gc.isenabled()
    gc.disable()  # What is freed when must not depend on earlier runs.
    gc.freeze()  # And no collection goes through what was there before.
    try:
        return _run(plan, on_line)
    finally:
        gc.collect()
        gc.unfreeze()
        if was_on:
            gc.enable()


def _run(plan: Plan, on_line: Callable[[str], None] | None) -> Outcome:
    loop = SimLoop(Random(f"loop {plan.seed}"), first_in_first_out=plan.first_in_first_out)
    trace = Trace(loop.time, on_line)
    world = SimWorld(plan, trace)
    violation = ""
    try:
        with tight_limits(plan.is_tight):
            loop.run_until_complete(world.run())
        if loop.failures:
            violation = f"nobody waited for a failure: {loop.failures[0]}"
    except Exception as error:
        violation = f"{type(error).__name__}: {error}"
        if not isinstance(error, ViolationError):
            violation += "\n" + "".join(traceback.format_exception(error)[-8:])
    finally:
        loop.run_until_complete(world.abandon())
        loop.close()
        close_all()
    return Outcome(
        plan, trace.digest, list(trace.lines), trace.counts, loop.time(), violation, loop.steps
    )


class SimWorld:
    """Some servers, some devices, and another program on the first of them."""

    def __init__(self, plan: Plan, trace: Trace) -> None:
        self.plan = plan
        self.trace = trace
        self.random = Random(f"world {plan.seed}")
        self.record = Record()
        seed = str(plan.seed)
        self.network = Network(Random(f"network {seed}"), trace, plan.delay_s)
        around = plan.around
        self.servers = [SimServer(f"server{n}", seed, trace) for n in range(plan.topology.servers)]
        self.network.servers = {server.url: server for server in self.servers}
        self.original = SimOriginal(seed, trace) if plan.originals else None
        if self.original is not None:
            self.network.originals = {self.original.url: self.original}
        self.devices: list[SimDevice] = []
        for n in range(plan.devices):
            self.devices.append(
                SimDevice(
                    f"device{n}",
                    seed,
                    trace,
                    self.network,
                    FolderGuard(),
                    has_folder=n not in plan.topology.folderless,
                    twin=self.devices[0] if n == around.twin else None,
                )
            )
        self.machines: list[SimServer | SimDevice] = [*self.servers, *self.devices]
        for machine in self.machines:
            machine.has_threads = around.has_threads
        self.command_users = [CommandUser(device, trace, self.record) for device in self.devices]
        self.people = [Person(device, trace, self.record) for device in self.devices]
        joined = is_joined(
            [plan.topology.servers_of(n) for n in range(plan.devices)], plan.topology.servers
        )
        for person in self.people:
            person.may_remove_secrets = joined
        self.app: SecondProgram | None = None
        self.carrier: Carrier | None = None
        self.is_carrier_known = Random(f"carrier's marks {seed}").random() < 0.5
        """Whether it leaves in its folders what daemons know it by."""
        if around.carried:
            carried = [self.devices[n] for n in around.carried]
            self.carrier = Carrier(
                carried,
                Random(f"carrier {seed}"),
                Random(f"carrier's files {seed}"),
                Random(f"carrier's room {seed}"),
                trace,
                self.network,
            )
        self.deciders = Deciders(self.devices if plan.is_guarded else [], self.record, trace)
        for n, device in enumerate(self.devices):
            for fetcher in plan.fetchers:
                if fetcher.device == n:
                    device.fetch = fetcher.policy
            device.settings = GUARDED if plan.is_guarded else SETTINGS
            device.shares_folder |= n in around.carried or (n == 0 and around.twin is not None)
        self.restarts: list[asyncio.Task[None]] = []
        self.rights = Rights(trace.now, self.record)
        self.network.rights = self.rights
        self.poison = self.network.poison = Poison(
            self.network.servers, trace, lambda server: later(self, 0.3, server.ensure_running)
        )
        self.guests: dict[type[Guest], Guest] = {}
        self._doers: dict[str, Doer] = {
            **dict.fromkeys((*EDITS, *WIPES, *REMOVALS, *LIVE_EDITS), self._edit),
            **dict.fromkeys((*APP_EDITS, *APP_REWRITES, *APP_FILES), self._edit_in_app),
            **dict.fromkeys((*COMMANDS, *FETCHES, *UNDOS, *CHATS), self._command),
            **dict.fromkeys(FAULTS, self._go_wrong),
            **dict.fromkeys(GUESTS, self._welcome),
            **dict.fromkeys(ORIGINAL_FAULTS, lambda action: go_wrong(self, action)),
            "inspect": self._inspect,
            "require_held": self._require_held,
        }

    async def run(self) -> None:
        """Sets up, acts, heals, and checks. Raises ViolationError."""
        await self._set_up()
        began = asyncio.get_running_loop().time()
        for action in self.plan.actions:
            await asyncio.sleep(began + action.at - asyncio.get_running_loop().time())
            await self._act(action)
        await self._heal()
        await settle(self, settling_s(self.plan))
        self._check_files()
        for user in self.command_users:
            user.check()
        self.rights.check()
        for server in self.servers:
            await self.rights.check_commits(server)
        held = await check_end(self.devices, self.app, self.carrier, self.servers, self.record)
        for guest in self.guests.values():
            guest.check(held)
        check_at_end(self)
        await self._end()

    async def _set_up(self) -> None:
        for server in self.servers:
            await server.start()
            await server.found(SPACE)
        for number, device in enumerate(self.devices):
            device.hint_loss = self.plan.hint_loss
            device.prepare()
            if number in self.plan.around.carried and self.is_carrier_known:
                device.mark_as_carried()
            mirrored = [self.servers[n] for n in self.plan.topology.servers_of(number)]
            device.server_urls = tuple(server.url for server in mirrored)
            for server in mirrored:
                await server.set_role(device.email, SPACE, MEMBER)
                await device.sign_in(server.url)
            if self.original is not None and number in self.plan.originals:
                await self.original.ensure_running()
                device.original_url = self.original.url
                await device.sign_in(self.original.url)
        if self.carrier is not None:
            self.carrier.start()
        first = self.devices[0]
        first.start()
        assert first.mirror is not None
        await first.mirror.ready()
        await first.mirror.create_space("Ours")
        for device in self.devices[1:]:
            device.start()
        if self.plan.has_app:
            self.app = SecondProgram(
                first, self.plan.around.app, str(self.plan.seed), self.trace, self.record
            )
            self.app.promises_secrets = self.carrier is None
            self.app.start()
        await settle(self, settling_s(self.plan))
        if self.carrier is not None:
            self.carrier.have_habits()
        if self.plan.token_s is not None:
            await self._shorten_tokens(self.plan.token_s)

    async def _shorten_tokens(self, seconds: int) -> None:
        for server in self.servers:
            server.let_tokens_last(seconds)
        for device in self.devices:
            for url in device.server_urls:
                assert device.credentials is not None
                await device.credentials.refused(url)
            for wire in self.network.open_wires(device.name):
                wire.cut()

    async def _act(self, action: Action) -> None:
        self.trace.note("plan", f"{action.kind} {action.who}")
        under_way = self._doers[action.kind](action)
        if under_way is not None:
            await under_way

    def _edit(self, action: Action) -> None:
        self.people[action.who].act(action)

    def _command(self, action: Action) -> None:
        self.command_users[action.who].act(action)

    def _edit_in_app(self, action: Action) -> None:
        # A carrier makes conflict copies of mutable files, which somebody has to choose from.
        if self.app is not None and (action.kind != "app_var" or self.carrier is None):
            self.app.edit(action)

    def _welcome(self, action: Action) -> None:
        """Has a guest act, who comes with its first action."""
        kind = GUESTS[action.kind]
        guest = self.guests.get(kind)
        if guest is None:
            guest = self.guests[kind] = kind(self)
        spawn_outside(guest.act(action))

    def _inspect(self, action: Action) -> None:
        check_claim(self.devices[action.who], self.record, self.carrier)
        self.rights.check_claim(self.devices[action.who])
        check_seen(self)
        self._check_files()

    async def _require_held(self, action: Action) -> None:
        device = self.devices[action.who]
        require_held([device])
        await check_held(device, self.record)

    def _check_files(self) -> None:
        for machine in self.machines:
            brought = set()
            if self.carrier is not None:
                # A second daemon has the folder of the machine that it works on.
                owner = machine.disk.name
                brought = {path for name, path in self.carrier.brought if name == owner}
            require_right_bytes(place_of(machine), brought)

    def _go_wrong(self, action: Action) -> Awaitable[None] | None:
        return FAULTS[action.kind](self, self.devices[action.who], action)

    def server_of(self, action: Action) -> SimServer:
        """Returns the server that an action means."""
        return self.servers[int(action.b * 997) % len(self.servers)]

    async def _heal(self) -> None:
        self.trace.note("plan", "all faults end")
        self.network.heal()
        self.poison.heal()
        if self.carrier is not None:
            self.carrier.calm_down()
        for machine in self.machines:
            machine.disk.faults.clear()
        for restart in self.restarts:
            restart.cancel()
        for ended in await asyncio.gather(*self.restarts, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
        for device in self.devices:
            device.bring_folder_back()
        for machine in self.machines:
            await machine.ensure_running()
        if self.original is not None:
            self.original.crash()  # What it hid from its memory it reads from its files.
            self.original.start()
        for server in self.servers:
            server.let_tokens_last(None)
        await restore(self)
        for guest in self.guests.values():
            await guest.heal()

    async def abandon(self) -> None:
        """Ends whatever still runs, wherever the run came to an end."""
        loop = asyncio.get_running_loop()
        if self.carrier is not None:
            await self.carrier.end()
        for device in self.devices:
            device.kill()
            await device.buried()
        for server in self.servers:
            server.crash(None)
            await server.buried()
        if self.original is not None:
            self.original.crash()
            await self.original.buried()
        if self.app is not None:
            self.app.crash()
            await self.app.buried()
        mine = asyncio.current_task()
        left = sorted((task for task in asyncio.all_tasks(loop) if task is not mine), key=hash)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _end(self) -> None:
        if self.carrier is not None:
            await self.carrier.end()
        if self.app is not None:
            self.app.crash()
            await self.app.buried()
        for device in self.devices:
            await device.stop()
            await device.buried()
        for server in self.servers:
            await server.stop()
            await server.buried()
        if self.original is not None:
            self.original.crash()
            await self.original.buried()
