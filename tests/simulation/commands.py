"""Somebody who works with commands: each asks the daemon of one device over its control socket.

What a command was answered is a promise like any other. Every request gets one answer, or the
connection ends; a file that is written out has the bytes that its name says.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from tests.simulation.chatting import Chatter
from tests.simulation.control import ControlEnd, HungUpError
from tests.simulation.device import SPACE
from tests.simulation.file_contents import file_content, write_whole
from tests.simulation.files import place_of, read_files, sha256
from tests.simulation.process import spawn_outside
from tests.simulation.record import Record, ViolationError

if TYPE_CHECKING:
    from sila_daemon.core.undo import EditStep
    from tests.simulation.device import SimDevice
    from tests.simulation.plan import Action
    from tests.simulation.trace import Trace

DESK = Path("/home/desk")
ANSWER_S = 120.0
"""So long a command may take, with a disk that fails and comes back."""
GARBAGE = (b"{\n", b"[]\n", b"null\n", b'{"jsonrpc": "2.0", "id": 1}\n', b"\xff\n")
HANGS_UP = 0.15
"""How likely somebody interrupts a command, and so never learns what came of it."""


class RefusedCommandError(Exception):
    """The daemon answered with an error."""


class CommandUser:
    """Runs commands on one device."""

    def __init__(self, device: SimDevice, trace: Trace, record: Record) -> None:
        self._device = device
        self._trace = trace
        self._record = record
        self._count = 0
        self._running = 0
        self.violations: list[str] = []
        self._doers: dict[str, Callable[[Conversation, Random, Action], Awaitable[None]]] = {
            "command_edit": self._edit,
            "command_put": self._put_file,
            "command_get": self._get_file,
            "command_fetch": self._fetch_file,
            "command_watch": self._watch,
            "command_undo": self._undo,
            **Chatter(device.name, trace, record).doers(),
        }

    @property
    def is_at_rest(self) -> bool:
        """Whether no command runs."""
        return not self._running

    def check(self) -> None:
        """Raises ViolationError for what no command should have met."""
        bugs = [*self._device.control_bugs]
        if self._device.control is not None:
            bugs += self._device.control.bugs
        for what in self.violations + bugs:
            raise ViolationError(what)

    def act(self, action: Action) -> None:
        """Begins a command; it lives on when the daemon dies."""
        spawn_outside(self._run(action))

    async def _run(self, action: Action) -> None:
        control = self._device.control
        if control is None:
            return
        self._running += 1
        self._count += 1
        random = Random(f"{self._device.name} {action}")
        conversation = Conversation(control.connect(), random)
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._doers[action.kind](conversation, random, action)
        except TimeoutError:
            self.violations.append(f"{self._device.name}: {action.kind} gets no answer")
        except ViolationError as error:
            self.violations.append(f"{self._device.name}: {action.kind}: {error}")
        except HungUpError:
            self._trace.note(self._device.name, f"{action.kind}: hung up")
        except RefusedCommandError as error:
            self._trace.note(self._device.name, f"{action.kind}: {error}")
        finally:
            conversation.end.hang_up()
            self._running -= 1

    async def _edit(self, talk: Conversation, random: Random, action: Action) -> None:
        """Looks for a vertex, and changes it and others in one step or in several at once."""
        trees = sorted(tree["id"] for tree in (await talk.ask("tree.list"))["trees"])
        if not trees:
            return
        tree = trees[int(action.a * len(trees))]
        found = await talk.ask("vertex.children", tree=tree, properties=True)
        children = sorted(child["id"] for child in found["children"])
        value = f"{self._device.name} command {self._count}"
        requests: list[list[dict[str, Any]]] = [
            [{"do": "new", "properties": {"name": f"{value} {number}"}}]
            for number in range(random.randrange(1, 4))
        ]
        if children:
            target = children[int(action.b * len(children))]
            requests[0].append({"do": "set", "vertex": target, "key": "cli", "value": value})
        if random.random() < 0.2:
            talk.send_raw(random.choice(GARBAGE))
        answers = await talk.ask_all("edit.apply", [{"tree": tree, "edits": e} for e in requests])
        for edits, answer in zip(requests, answers, strict=True):
            for edit, result in zip(edits, answer["results"], strict=True):
                key = "cli" if edit["do"] == "set" else "name"
                said = edit.get("value") or edit["properties"]["name"]
                self._record.said(self._device.name, tree, result["vertex"], key, said)
        self._trace.note(self._device.name, f"command: {len(answers)} edits acknowledged")

    async def _put_file(self, talk: Conversation, _: Random, action: Action) -> None:
        data = file_content(action)
        source = DESK / f"{self._device.name} {self._count}"
        try:
            write_whole(self._device.disk.view(may_crash=False), source, data)
        except OSError:
            return
        self._record.offered_files.add(sha256(data))
        path = f"d{int(action.a * 3)}/f{int(action.b * 4)}.txt"
        stored = await talk.ask("file.put", path=path, source=str(source))
        if stored["hash"] != sha256(data) or stored["size"] != len(data):
            raise ViolationError(f"the file is kept as {stored}")
        name = self._device.name
        self._record.files.add(stored["hash"])
        self._record.add(name, (stored["tree"], stored["vertex"], "hash", json.dumps(sha256(data))))
        self._trace.note(name, f"command: file {stored['hash'][:8]} kept, {len(data)} bytes")

    async def _get_file(self, talk: Conversation, _: Random, action: Action) -> None:
        files = [file for file in (await talk.ask("file.list"))["files"] if file["here"]]
        static = [file for file in files if file["hash"]]
        if not static:
            return
        wanted = static[int(action.a * len(static))]
        target = DESK / f"{self._device.name} got {self._count}"
        view = self._device.disk.view(may_crash=False)
        try:
            if view.stat(DESK) is None:
                view.make_dir(DESK)
        except OSError:
            return
        await talk.ask("file.get", path=wanted["path"], tree=wanted["tree"], target=str(target))
        view = self._device.disk.view(may_crash=False)
        if view.stat(target) is None:
            return  # The machine died after the answer: what was written out is nobody's promise.
        name = sha256(view.open_read(target).read_at(0, 1 << 30))
        # Another file may have the path by now.
        if name not in self._record.offered_files:
            raise ViolationError(f"the file {wanted['path']} is written out with other bytes")

    async def _fetch_file(self, talk: Conversation, _: Random, action: Action) -> None:
        """Asks for a file that is left on a server: after the answer it is here for good."""
        name, began = self._device.name, asyncio.get_running_loop().time()
        away = [file for file in (await talk.ask("file.list"))["files"] if file["away"]]
        if not away:
            return
        wanted = away[int(action.a * len(away))]
        where = {"path": wanted["path"], "tree": wanted["tree"]}
        self._trace.note(name, f"command: asks for the file {wanted['hash'][:8]}")
        fetched = await talk.ask("file.fetch", **where)
        held = read_files(place_of(self._device), durable=True).static
        if self._device.is_folder_away or self._record.shaken_at.get(name, -1.0) >= began:
            return
        # Another file may have the path, too, or by now.
        listed = (await talk.ask("file.list"))["files"]
        there = [file["hash"] for file in listed if where.items() <= file.items()]
        if fetched["files"] and there == [wanted["hash"]] and wanted["hash"] not in held:
            raise ViolationError(f"{wanted['hash']} was fetched, and is not there")
        self._trace.note(name, f"command: file {wanted['hash'][:8]} fetched")

    async def _undo(self, talk: Conversation, _: Random, action: Action) -> None:
        """Takes back what was done last on the device, whoever did it."""
        mirror = self._device.mirror
        if mirror is None:
            return
        # Any of it may come to be deleted by this, also when nobody hears the answer.
        stack, deletions = mirror.undo_stack, self._record.deletions
        for entry in stack._entries:
            deletions.update((entry.step.tree_id, one) for one in entry.step.moved)
        note = stack.note

        def noted(*steps: EditStep, made: EditStep | None = None) -> None:
            """What is done before the undo gets its turn is the last that was done by then."""
            for step in steps:
                deletions.update((step.tree_id, one) for one in step.moved)
            note(*steps, made=made)

        stack.note = noted  # type: ignore[method-assign]
        undone = await talk.ask("edit.undo", partly=action.a < 0.5)
        said = [change["what"] for change in undone["changes"]]
        self._trace.note(self._device.name, f"command: undone {', '.join(said)}")

    async def _watch(self, talk: Conversation, random: Random, _: Action) -> None:
        """Follows events for a while: none is missing unless that is told."""
        talk.last_event = (await talk.ask("events.subscribe"))["latest"]
        until = asyncio.get_running_loop().time() + 10.0 * random.random()
        try:
            async with asyncio.timeout_at(until):
                while True:
                    talk.take_event(await talk.end.read())
        except TimeoutError:
            await talk.ask("tree.list")


class Conversation:
    """One connection: requests with numbers, and an answer to each."""

    def __init__(self, end: ControlEnd, random: Random) -> None:
        self.end = end
        self.last_event: int | None = None
        self._random = random
        self._number = 0

    def send_raw(self, line: bytes) -> None:
        """Sends a line that is no request; it is answered with an error and harms nobody."""
        self.end.write(line)

    async def ask(self, method: str, **params: Any) -> Any:
        """Sends a request and returns its result. Raises RefusedCommandError, HungUpError."""
        return (await self.ask_all(method, [params]))[0]

    async def ask_all(self, method: str, several: list[dict[str, Any]]) -> list[Any]:
        """Sends requests without waiting between them; returns their results in order."""
        numbers = []
        for params in several:
            self._number += 1
            numbers.append(self._number)
            given = {"space": SPACE, **params} if method != "events.subscribe" else params
            line = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": given}
            self.end.write(json.dumps(line).encode() + b"\n")
        if self._random.random() < HANGS_UP / 3:
            raise HungUpError
        answers: dict[int, dict[str, Any]] = {}
        while len(answers) < len(numbers):
            message = await self.end.read()
            number = message.get("id")
            if message.get("method") == "event":
                self.take_event(message)
            elif number in numbers and number not in answers:
                answers[number] = message
            elif "error" not in message:
                raise ViolationError(f"nobody asked for {message}")
        for number in numbers:
            if (error := answers[number].get("error")) is not None:
                raise RefusedCommandError(f"{error['data']['code']}: {error['message']}")
        return [answers[number]["result"] for number in numbers]

    def take_event(self, message: dict[str, Any]) -> None:
        """Takes note of an event. Raises ViolationError when one is missing."""
        event = message.get("params")
        if not isinstance(event, dict) or event["kind"] == "gap" or self.last_event is None:
            return
        if event["id"] != self.last_event + 1:
            raise ViolationError(f"event {event['id']} comes after {self.last_event}")
        self.last_event = event["id"]
