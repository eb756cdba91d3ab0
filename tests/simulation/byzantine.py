"""A hostile client: a member like any other, who says whatever may do harm.

What it was told is taken at its word: an op that was refused must be nowhere, one that was
taken must be everywhere, and every refusal has a code that clients know.
"""

from __future__ import annotations

import asyncio
import itertools
from random import Random
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import SilaError
from tests.simulation.forgeries import MAKERS, REFUSED, UNREADABLE, Forgery, Knowledge
from tests.simulation.process import spawn_outside
from tests.simulation.raw_client import RawClient
from tests.simulation.reader import Line, normal_text
from tests.simulation.record import ViolationError

if TYPE_CHECKING:
    from tests.simulation.plan import Action
    from tests.simulation.server import SimServer
    from tests.simulation.world import SimWorld

CODES = frozenset(
    {
        "malformed_op", "bad_id", "op_too_large", "value_not_json", "counter_out_of_range",
        "counter_jump", "not_permitted", "read_only", "rate_limited", "quota", "too_large",
        "auth_expired",
    }
)  # fmt: skip
"""The refusals that the protocol names."""

TROUBLE = frozenset({"storage", "storage_full", "database_io", "shutting_down"})
"""What a server says that cannot do it now; its disk may be made to fail."""


class Byzantine:
    """One hostile account; as a viewer nothing of it is ever taken."""

    role = "editor"

    def __init__(self, world: SimWorld) -> None:
        self._world = world
        self._server = world.servers[world.plan.seed % len(world.servers)]
        self._client = RawClient(f"mallory-{self.role}", world.network, self._server)
        self._know = Knowledge(Random(f"{world.plan.seed} {self.role}").randbytes(16).hex())
        self._is_member = False
        self._acting = 0
        self._one_by_one = asyncio.Lock()
        self._asked: dict[tuple[int, int], Forgery] = {}
        self._connections = itertools.count(1)
        self._connection = 0
        self._taken: list[Line] = []
        self._refused: list[Line] = []
        self._said_before: set[Line] = set()
        """What others had said already when it was said here, by chance."""
        self._problem = ""

    @property
    def is_at_rest(self) -> bool:
        """Whether it has said what it had to say, and heard what became of it."""
        is_waiting = any(connection == self._connection for connection, _ in self._asked)
        return not (self._acting or (is_waiting and self._client.wire is not None))

    async def act(self, action: Action) -> None:
        """Makes one forgery after the other."""
        self._acting += 1
        try:
            async with self._one_by_one:
                await self._forge(action)
        finally:
            self._acting -= 1

    async def _forge(self, action: Action) -> None:
        random = Random(f"{self._world.plan.seed} {action}")
        maker = MAKERS[int(action.a * len(MAKERS))]
        try:
            await self._connect(random)
        except SilaError as error:
            self._world.trace.note(self._client.name, f"cannot connect: {error.code}")
            return
        self._world.trace.fault(self._client.name, f"forgery: {maker.__name__}")
        for forgery in maker(random, self._know):
            await self._send(forgery)

    async def _connect(self, random: Random) -> None:
        if not self._is_member:
            await self._client.join_space(self.role)
            self._is_member = True
        if self._client.connection is not None and self._client.wire is not None:
            return
        await self._client.connect(random.choice((1, 2)))
        self._connection = next(self._connections)
        spawn_outside(self._listen(self._connection))
        await self._client.send("ops:have", {"trees": "*"})

    async def _send(self, forgery: Forgery) -> None:
        lines = [op.line for op in forgery.ops if op.line is not None]
        self._world.record.forge(lines)
        self._said_before.update(line for line in lines if self._know.knows(line))
        connection = self._connection
        number = await self._client.ask(forgery.event, forgery.payload)
        if number is not None:
            self._asked[connection, number] = forgery

    async def _listen(self, connection: int) -> None:
        trees: list[str] = []
        while True:
            try:
                what, payload = await self._client.receive()
            except SilaError:
                self._client.connection = None
                return
            if isinstance(what, int):
                forgery = self._asked.pop((connection, what), None)
                if forgery is not None:
                    self._judge(forgery, payload)
            elif what in ("ops:sync", "ops:receive"):
                for op in payload["ops"]:
                    self._know.learn(line_of(payload["treeId"], op))
            elif what == "ops:have" and not payload.get("done"):
                trees.append(payload["treeId"])
            elif what == "ops:have":
                await self._client.send("ops:state", {"trees": dict.fromkeys(trees)})

    def _judge(self, forgery: Forgery, answer: Any) -> None:
        """Holds an answer against what had to come of a forgery."""
        is_viewers_change = self.role == "viewer" and forgery.event == "ops:send"
        if not answer["ok"]:
            self._judge_refusal(forgery, answer)
        elif is_viewers_change or forgery.fate not in (None, UNREADABLE):
            self._violated(forgery, answer, "is taken")
        elif forgery.fate == UNREADABLE:
            if answer["accepted"] or answer["duplicates"] or not answer["rejected"]:
                self._violated(forgery, answer, "is taken")
        elif forgery.event == "ops:send":
            self._judge_ops(forgery, answer)

    def _judge_refusal(self, forgery: Forgery, answer: Any) -> None:
        lines = [op.line for op in forgery.ops if op.line is not None]
        code = answer["code"]
        if code in TROUBLE:
            return
        self._refused += lines
        if code not in CODES or not answer["message"]:
            self._violated(forgery, answer, "gets a code that nobody knows")
        elif forgery.fate not in (None, REFUSED, UNREADABLE, code) and self.role != "viewer":
            self._violated(forgery, answer, f"should be refused with {forgery.fate}")
        elif forgery.fate is None and forgery.ops and code not in ("read_only", "rate_limited"):
            self._violated(forgery, answer, "is refused with its good neighbours")

    def _judge_ops(self, forgery: Forgery, answer: Any) -> None:
        rejected = answer["rejected"]
        if any(entry["code"] not in CODES or not entry["message"] for entry in rejected):
            self._violated(forgery, answer, "gets a code that nobody knows")
        kept = [op for op in forgery.ops if '"transient": true' not in op.text]
        told = answer["accepted"] + answer["duplicates"] + len(rejected)
        if kept and told != len(kept):
            self._violated(forgery, answer, "is answered for another number of ops")
        codes = {(entry["counter"], entry["peerId"]): entry["code"] for entry in rejected}
        for op in kept:
            line = op.line
            if op.fate is not None:
                continue
            assert line is not None
            code = codes.get((line.counter, line.peer))
            (self._taken if code is None else self._refused).append(line)
        must_be = sum(op.fate is not None for op in kept)
        if len(rejected) < must_be:
            self._violated(forgery, answer, f"has {must_be} ops that must be refused")
        for op in kept:
            if op.fate not in (None, REFUSED) and op.fate not in {e["code"] for e in rejected}:
                self._violated(forgery, answer, f"has an op that is to be refused as {op.fate}")

    def _violated(self, forgery: Forgery, answer: Any, what: str) -> None:
        text = f"{forgery.event} {forgery.payload[:300]!r} {what}: {str(answer)[:500]}"
        self._problem = self._problem or text

    async def heal(self) -> None:
        """Stays as it is: honest clients get along beside it."""

    def went_back(self, held: set[Line]) -> None:
        """Has lost what nobody holds any more."""
        self._taken = [line for line in self._taken if line in held]

    def server_restored(self, server: SimServer) -> None:
        """Its account may not be known there now."""
        self._is_member &= server is not self._server

    @property
    def may_be_somewhere(self) -> set[Line]:
        """Returns what it said that was taken, or of which it never heard."""
        unanswered = {op.line for forgery in self._asked.values() for op in forgery.ops}
        return {line for line in (*self._taken, *unanswered) if line is not None}

    def check(self, held: dict[str, set[Line]]) -> None:
        """Requires what was taken everywhere, and what was refused nowhere."""
        if self._problem:
            raise ViolationError(self._problem)
        refused = set(self._refused) - self._said_before
        for guest in self._world.guests.values():
            if isinstance(guest, Byzantine):
                refused -= guest.may_be_somewhere
        for where, lines in held.items():
            lacking = sorted(set(self._taken) - lines, key=str)
            if lacking:
                raise ViolationError(f"{where} lacks what a hostile client added: {lacking[0]}")
            found = sorted(refused & lines, key=str)
            if found:
                raise ViolationError(f"{where} has what was refused: {found[0]}")


class ByzantineViewer(Byzantine):
    """A hostile account that may only look."""

    role = "viewer"


def line_of(tree: str, op: Any) -> Line:
    """Reads an op as it came over the wire; live state too."""
    counter, peer, target = op["id"]["counter"], op["id"]["peerId"], op["targetId"]
    if "parentId" in op:
        return Line(tree, counter, peer, target, None, op["parentId"])
    value = normal_text(op["value"]) if "value" in op else None
    return Line(tree, counter, peer, target, op["key"], value)
