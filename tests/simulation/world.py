"""One run: the world of a plan, its actions one after the other, and the end of all faults."""

from __future__ import annotations

import asyncio
import gc
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.simulation.app import SecondProgram
from tests.simulation.checkers import FolderGuard, check_claim, check_end
from tests.simulation.device import FOLDER, SPACE, SimDevice
from tests.simulation.editor import Person
from tests.simulation.faults import FAULTS
from tests.simulation.loop import SimLoop
from tests.simulation.network import Network
from tests.simulation.plan import APP_EDITS, EDITS, Action, Plan
from tests.simulation.reader import read_folder
from tests.simulation.record import Record, ViolationError
from tests.simulation.server import SimServer
from tests.simulation.trace import Trace
from tests.simulation.vfs import close_all

SETTLING_S = 30.0
"""Virtual seconds from the end of all faults until everything must be current and equal."""


@dataclass(slots=True)
class Outcome:
    """What came of a run."""

    plan: Plan
    digest: str
    lines: list[str]
    faults: dict[str, int]
    virtual_s: float
    violation: str = ""
    kinds: list[str] = field(default_factory=list)


def run(plan: Plan, on_line: Callable[[str], None] | None = None) -> Outcome:
    """Runs a plan to its end; a broken promise is told, not raised."""
    loop = SimLoop(Random(f"loop {plan.seed}"), first_in_first_out=plan.first_in_first_out)
    trace = Trace(loop.time, on_line)
    world = SimWorld(plan, trace)
    was_on = gc.isenabled()
    gc.disable()  # What is freed when must not depend on earlier runs.
    violation = ""
    try:
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
        if was_on:
            gc.enable()
    return Outcome(plan, trace.digest, list(trace.lines), trace.counts, loop.time(), violation)


class SimWorld:
    """One server, some devices, and another program on the first of them."""

    def __init__(self, plan: Plan, trace: Trace) -> None:
        self.plan = plan
        self.trace = trace
        self.random = Random(f"world {plan.seed}")
        self.record = Record()
        seed = str(plan.seed)
        self.network = Network(Random(f"network {seed}"), trace, plan.delay_s)
        self.server = SimServer("server", seed, trace)
        self.network.servers[self.server.url] = self.server
        self.devices = [
            SimDevice(f"device{n}", seed, trace, self.network, FolderGuard())
            for n in range(plan.devices)
        ]
        self.people = [Person(device, trace, self.record) for device in self.devices]
        self.app: SecondProgram | None = None
        self.restarts: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Sets up, acts, heals, and checks. Raises ViolationError."""
        await self._set_up()
        began = asyncio.get_running_loop().time()
        for action in self.plan.actions:
            await asyncio.sleep(began + action.at - asyncio.get_running_loop().time())
            await self._act(action)
        await self._heal()
        await self._settle(SETTLING_S)
        await check_end(self.devices, self.app, self.server, self.record)
        await self._end()

    async def _set_up(self) -> None:
        await self.server.start()
        token = await self.server.found(SPACE)
        for device in self.devices:
            device.token, device.server_urls = token, (self.server.url,)
            device.hint_loss = self.plan.hint_loss
            device.prepare()
        first = self.devices[0]
        first.start()
        assert first.mirror is not None
        await first.mirror.ready()
        await first.mirror.create_space("Ours")
        for device in self.devices[1:]:
            device.start()
        if self.plan.has_app:
            self.app = SecondProgram(first, str(self.plan.seed), self.trace, self.record)
            self.app.start()
        await self._settle(SETTLING_S)

    async def _act(self, action: Action) -> None:
        self.trace.note("plan", f"{action.kind} {action.who}")
        if action.kind in EDITS:
            self.people[action.who].act(action)
        elif action.kind in APP_EDITS:
            if self.app is not None:
                self.app.edit(action)
        elif action.kind == "inspect":
            check_claim(self.devices[action.who], self.record, self.server)
        else:
            under_way = FAULTS[action.kind](self, self.devices[action.who], action)
            if under_way is not None:
                await under_way

    async def _heal(self) -> None:
        self.trace.note("plan", "all faults end")
        self.network.heal()
        self.server.disk.faults.clear()
        for device in self.devices:
            device.disk.faults.clear()
        for restart in self.restarts:
            restart.cancel()
        await asyncio.gather(*self.restarts, return_exceptions=True)
        await self.server.ensure_running()
        for device in self.devices:
            await device.ensure_running()

    async def _settle(self, limit_s: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + limit_s
        calm = 0
        while calm < 3:
            await asyncio.sleep(0.25)
            states = [device.mirror.status() for device in self.devices if device.mirror]
            is_calm = all(self._is_at_rest(device) for device in self.devices)
            is_calm = is_calm and len({state["ops"] for state in states}) == 1
            is_calm = is_calm and states[0]["ops"] == self._in_first_folder()
            calm = calm + 1 if is_calm else 0
            if loop.time() > until:
                told = [(state["state"], state["reason"], state["ops"]) for state in states]
                raise ViolationError(f"not current and equal after {limit_s} s: {told}")

    def _is_at_rest(self, device: SimDevice) -> bool:
        """Tells whether a mirror says that all is well, or truly that a line cannot be read.

        A disk that was full may leave a torn line, which a person is told of for ever after.
        """
        assert device.mirror is not None
        status = device.mirror.status()
        if status["state"] == "current":
            return True
        bad = len(read_folder(device.disk.view(), FOLDER).bad)
        reason = f"{bad} things in the folder cannot be read"
        return bad > 0 and (status["state"], status["reason"]) == ("needs_you", reason)

    def _in_first_folder(self) -> int:
        """Counts the ops there: another program's may not have been noticed yet."""
        return len(read_folder(self.devices[0].disk.view(), FOLDER).ops)

    async def abandon(self) -> None:
        """Ends whatever still runs, wherever the run came to an end."""
        loop = asyncio.get_running_loop()
        for device in self.devices:
            device.crash(None)
            await device.buried()
        self.server.crash(None)
        await self.server.buried()
        if self.app is not None:
            self.app.crash()
            await self.app.buried()
        mine = asyncio.current_task()
        left = sorted((task for task in asyncio.all_tasks(loop) if task is not mine), key=hash)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _end(self) -> None:
        if self.app is not None:
            self.app.crash()
            await self.app.buried()
        for device in self.devices:
            await device.stop()
            await device.buried()
        await self.server.stop()
        await self.server.buried()
