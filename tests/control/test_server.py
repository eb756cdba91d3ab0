"""The control socket as its clients see it: real sockets, real lines."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sila_daemon.control.activity import ActivityLog
from sila_daemon.control.call import call
from sila_daemon.control.client import ControlClient
from sila_daemon.control.connection import (
    EVENTS_WAITING_MAX,
    REQUESTS_RUNNING_MAX,
    WAITING_BYTES_MAX,
)
from sila_daemon.control.limits import LINE_BYTES_MAX
from sila_daemon.control.methods import METHODS
from sila_daemon.control.server import CONNECTIONS_MAX, ControlServer
from sila_daemon.core.errors import (
    ControlError,
    DaemonNotRunningError,
    NotFoundError,
    SilaError,
    StorageFullError,
    UsageError,
)
from sila_daemon.ports.clock import SystemClock


class Daemon:
    """A control server whose handlers echo their parameters, unless a test replaces them."""

    def __init__(self, path: Path, uid: Callable[[socket.socket], int | None] | None) -> None:
        self.path = path
        self.activity = ActivityLog("run-1", SystemClock())
        self.bugs: list[tuple[str, Exception]] = []

        async def echo(params: Any) -> Any:
            return params

        self.handlers: dict[str, Callable[[Any], Any]] = dict.fromkeys(METHODS, echo)
        options = {} if uid is None else {"peer_uid": uid}
        self.server = ControlServer(
            path,
            self.handlers,
            self.activity,
            lambda name, error: self.bugs.append((name, error)),
            **options,
        )


@contextlib.asynccontextmanager
async def serving(
    tmp_path: Path, uid: Callable[[socket.socket], int | None] | None = None
) -> AsyncIterator[Daemon]:
    """Runs a server until the block ends."""
    daemon = Daemon(tmp_path / "daemon.sock", uid)
    task = asyncio.create_task(daemon.server.run())
    await daemon.server.listening()
    try:
        yield daemon
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def answering(
    path: Path, handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
) -> AsyncIterator[None]:
    """Listens as a daemon that does what `handle` does, then hangs up."""
    served: list[asyncio.Task[Any] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        await handle(reader, writer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_unix_server(serve, path):
        yield
        await asyncio.gather(*(task for task in served if task is not None))


async def exchange(path: Path, *lines: bytes) -> list[dict[str, Any]]:
    """Sends raw lines, hangs up half, and returns every answer."""
    reader, writer = await asyncio.open_unix_connection(path, limit=1 << 24)
    with contextlib.suppress(ConnectionError):
        writer.write(b"".join(lines))
        writer.write_eof()
        await writer.drain()
    answers = []
    with contextlib.suppress(ConnectionError):
        while line := await reader.readline():
            answers.append(json.loads(line))
    writer.close()
    return answers


def request(method: str, request_id: int = 1, **params: Any) -> bytes:
    """One line."""
    message = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}
    return json.dumps(message).encode() + b"\n"


async def test_only_its_owner_may_touch_the_socket_and_it_is_gone_afterwards(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as daemon:
        assert stat.S_IMODE(daemon.path.stat().st_mode) == 0o600
    assert not daemon.path.exists()


async def test_a_call_is_answered_by_both_clients(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        async with await ControlClient.connect(daemon.path) as client:
            many = await asyncio.gather(
                *(client.call("vertex.get", space="s", tree=f"t{n}") for n in range(50))
            )
        assert [answer["tree"] for answer in many] == [f"t{n}" for n in range(50)]
        answer = await asyncio.to_thread(call, daemon.path, "space.pause", space="x", seconds=1.5)
        assert answer == {"space": "x", "seconds": 1.5}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"nonsense\n", "parse_error"),
        (b"\xff\xfe\n", "parse_error"),
        (b"[" * 100_000 + b"\n", "parse_error"),
        (b'{"jsonrpc":"2.0","id":1,"method":"space.list","params":{"x":NaN}}\n', "parse_error"),
        (b"null\n", "invalid_request"),
        (b"[]\n", "invalid_request"),
        (b'{"id":1,"method":"space.list"}\n', "invalid_request"),
        (b'{"jsonrpc":"2.0","method":"space.list"}\n', "invalid_request"),
        (b'{"jsonrpc":"2.0","id":true,"method":"space.list"}\n', "invalid_request"),
        (b'{"jsonrpc":"2.0","id":1}\n', "invalid_request"),
        (b'{"jsonrpc":"2.0","id":1,"method":"space.explode"}\n', "unknown_method"),
        (b'{"jsonrpc":"2.0","id":1,"method":"space.sync"}\n', "invalid_params"),
        (request("space.sync", space=3), "invalid_params"),
        (request("space.sync", space="a", spcae="b"), "invalid_params"),
        (request("edit.apply", space="a", tree="b", edits=[{"do": "explode"}]), "invalid_params"),
    ],
)
async def test_a_bad_line_is_answered_and_the_next_one_too(
    line: bytes, code: str, tmp_path: Path
) -> None:
    async with serving(tmp_path) as daemon:
        answers = await exchange(daemon.path, line, request("space.list", 7))
    by_id = {answer["id"]: answer for answer in answers}
    assert by_id.pop(7)["result"] == {}
    [refusal] = by_id.values()
    assert refusal["error"]["data"]["code"] == code
    assert refusal["error"]["code"] < -32000


async def test_a_line_over_the_limit_ends_the_connection_with_a_reason(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        answers = await exchange(daemon.path, b'"' + b"x" * (2 * LINE_BYTES_MAX) + b'"\n')
        assert [answer["error"]["data"]["code"] for answer in answers] in ([], ["line_too_long"])
        reader, writer = await asyncio.open_unix_connection(daemon.path)
        writer.write(b"x" * (LINE_BYTES_MAX + 1))
        assert json.loads(await reader.readline())["error"]["data"]["code"] == "line_too_long"
        assert await reader.read() == b""
        writer.close()
        assert await asyncio.to_thread(call, daemon.path, "space.list") == {}


async def test_a_call_that_is_too_long_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        text = "x" * LINE_BYTES_MAX
        with pytest.raises(UsageError, match="too much for one call") as refused:
            await asyncio.to_thread(call, daemon.path, "secret.set", value=text)
        assert refused.value.code == "line_too_long"
        async with await ControlClient.connect(daemon.path) as client:
            with pytest.raises(UsageError, match="too much for one call"):
                await client.call("secret.set", value=text)
            assert await client.call("space.list") == {}


async def test_a_refusal_without_an_id_ends_the_waiting_of_both_clients(tmp_path: Path) -> None:
    refusal = {"code": -32700, "message": "not JSON", "data": {"code": "parse_error"}}

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        line = json.dumps({"jsonrpc": "2.0", "id": None, "error": refusal})
        writer.write(line.encode() + b"\n")
        await reader.read()

    path = tmp_path / "daemon.sock"
    async with answering(path, refuse):
        with pytest.raises(SilaError, match="not JSON"):
            await asyncio.to_thread(call, path, "space.list")
        async with await ControlClient.connect(path) as client:
            with pytest.raises(SilaError, match="not JSON"):
                await client.call("space.list")


async def test_a_daemon_that_ends_in_the_middle_is_one_that_does_not_run(tmp_path: Path) -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()

    path = tmp_path / "daemon.sock"
    async with answering(path, leave):
        with pytest.raises(DaemonNotRunningError) as lost:
            await asyncio.to_thread(call, path, "space.list")
        assert (lost.value.code, lost.value.exit_code) == ("connection_lost", 3)
        async with await ControlClient.connect(path) as client:
            with pytest.raises(DaemonNotRunningError):
                await client.call("space.list")


async def test_another_user_gets_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, lambda _: os.getuid() + 1) as daemon:
        assert await exchange(daemon.path, request("space.list")) == []


async def test_an_unknown_user_gets_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, lambda _: None) as daemon:
        assert await exchange(daemon.path, request("space.list")) == []


async def test_lone_surrogates_cross_both_ways(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        async with await ControlClient.connect(daemon.path) as client:
            answer = await client.call("space.sync", space="cut \ud83d")
        assert answer == {"space": "cut \ud83d"}
        assert await asyncio.to_thread(
            call, daemon.path, "space.sync", space="\ud83d"
        ) == answer | {"space": "\ud83d"}


async def test_errors_arrive_as_what_they_are(tmp_path: Path) -> None:
    async def missing(params: Any) -> Any:
        raise NotFoundError("no such space", code="no_space", hint="look")

    async def full(params: Any) -> Any:
        raise StorageFullError("disk full")

    async with serving(tmp_path) as daemon:
        daemon.handlers |= {"space.sync": missing, "space.list": full}
        async with await ControlClient.connect(daemon.path) as client:
            with pytest.raises(NotFoundError) as caught:
                await client.call("space.sync", space="x")
            assert (caught.value.code, caught.value.hint) == ("no_space", "look")
            with pytest.raises(StorageFullError):
                await client.call("space.list")


async def test_a_bug_in_a_handler_is_reported_and_ends_nothing(tmp_path: Path) -> None:
    async def buggy(params: Any) -> Any:
        raise ZeroDivisionError

    async with serving(tmp_path) as daemon:
        daemon.handlers["space.sync"] = buggy
        async with await ControlClient.connect(daemon.path) as client:
            with pytest.raises(SilaError) as caught:
                await client.call("space.sync", space="x")
            assert caught.value.exit_code == 70
            assert await client.call("space.list") == {}
        assert [name for name, _ in daemon.bugs] == ["space.sync"]


async def test_events_follow_what_was_missed(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        daemon.activity.append("one")
        daemon.activity.append("two")
        async with await ControlClient.connect(daemon.path) as client:
            events = client.events(after=1, epoch="run-1")
            first = await anext(events)
            assert (first["kind"], first["gap"], first["latest"]) == ("subscribed", False, 2)
            assert (await anext(events))["kind"] == "two"
            daemon.activity.append("three", space="s", count=4)
            event = await anext(events)
            assert (event["id"], event["kind"], event["space"], event["count"]) == (
                3,
                "three",
                "s",
                4,
            )


async def test_a_subscriber_from_another_run_is_told_of_the_gap(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        daemon.activity.append("one")
        async with await ControlClient.connect(daemon.path) as client:
            events = client.events(after=900, epoch="run-0")
            assert (await anext(events))["gap"] is True
            assert (await anext(events))["id"] == 1


async def test_what_the_log_no_longer_holds_is_a_gap() -> None:
    activity = ActivityLog("run", SystemClock(), kept_max=2)
    for _ in range(5):
        activity.append("tick")
    assert (activity.oldest, activity.latest) == (4, 5)
    assert [event["id"] for event in activity.after(0)] == [4, 5]


async def test_a_slow_subscriber_is_dropped_and_told(tmp_path: Path) -> None:
    """It never costs more than its queue, and what it then reads says that something is missing."""
    async with serving(tmp_path) as daemon:
        reader, writer = await asyncio.open_unix_connection(daemon.path, limit=1 << 16)
        writer.write(request("events.subscribe"))
        assert "result" in json.loads(await reader.readline())
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        filler = "x" * 10_000
        while daemon.activity._listeners:
            for _ in range(EVENTS_WAITING_MAX // 4):
                daemon.activity.append("noise", text=filler)
            await asyncio.sleep(0)
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        last = 0
        while True:
            event = json.loads(await reader.readline())["params"]
            if event["kind"] == "gap":
                break
            assert event["id"] == last + 1
            last = event["id"]
        assert last <= event["id"] < daemon.activity.latest
        writer.write(request("space.list", 9))
        assert json.loads(await reader.readline())["id"] == 9
        writer.close()


async def test_too_many_connections_are_hung_up(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        clients = [await ControlClient.connect(daemon.path) for _ in range(CONNECTIONS_MAX)]
        await clients[-1].call("space.list")
        assert await exchange(daemon.path, request("space.list")) == []
        for client in clients:
            await client.close()


async def test_clients_know_when_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(DaemonNotRunningError):
        await ControlClient.connect(tmp_path / "daemon.sock")
    with pytest.raises(DaemonNotRunningError):
        call(tmp_path / "daemon.sock", "space.list")
    async with serving(tmp_path) as daemon:
        client = await ControlClient.connect(daemon.path)
        await client.call("space.list")
    with pytest.raises(ControlError):
        await client.call("space.list")
    await client.close()


async def test_the_socket_of_a_dead_daemon_is_taken_over(tmp_path: Path) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "daemon.sock"))
    dead.close()
    with pytest.raises(DaemonNotRunningError):
        call(tmp_path / "daemon.sock", "space.list")
    async with serving(tmp_path) as daemon:
        assert await asyncio.to_thread(call, daemon.path, "space.list") == {}


async def test_what_a_client_takes_back_ends_and_says_so(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def search(params: Any) -> Any:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        daemon.handlers["space.search"] = search
        reader, writer = await asyncio.open_unix_connection(daemon.path)
        writer.write(request("space.search", 7, space="s", query="x"))
        await begun.wait()
        notice = {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 7}}
        unknown = {**notice, "params": {"id": 8}}
        for message in (unknown, {**notice, "params": []}, notice, notice):
            writer.write(json.dumps(message).encode() + b"\n")
        writer.write(request("vertex.get", 9, space="$/cancelRequest", tree="t"))
        answers = [json.loads(await reader.readline()) for _ in range(2)]
        by_id = {answer["id"]: answer for answer in answers}
        assert by_id[7]["error"]["data"]["code"] == "cancelled"
        assert by_id[9]["result"]["space"] == "$/cancelRequest"
        assert ended.is_set() and daemon.bugs == []
        writer.close()


async def test_what_changes_something_is_finished(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def edit(params: Any) -> Any:
            begun.set()
            await may_end.wait()
            return {"results": []}

        daemon.handlers["edit.apply"] = edit
        reader, writer = await asyncio.open_unix_connection(daemon.path)
        writer.write(request("edit.apply", 1, space="s", tree="t", edits=[]))
        await begun.wait()
        notice = {"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": 1}}
        writer.write(json.dumps(notice).encode() + b"\n" + request("space.list", 2))
        assert json.loads(await reader.readline())["id"] == 2
        may_end.set()
        assert json.loads(await reader.readline())["result"] == {"results": []}
        writer.close()


async def test_a_call_that_is_cancelled_ends_at_the_daemon(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def show(params: Any) -> Any:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        daemon.handlers["chat.show"] = show
        async with await ControlClient.connect(daemon.path) as client:
            call = asyncio.create_task(client.call("chat.show", space="s", tree="t"))
            await begun.wait()
            call.cancel()
            await ended.wait()
            assert await client.call("space.list") == {}


def cancel(request_id: int, own_id: int | None = None) -> bytes:
    """One line that takes a request back."""
    own = {} if own_id is None else {"id": own_id}
    params = {"id": request_id}
    message = {"jsonrpc": "2.0", **own, "method": "$/cancelRequest", "params": params}
    return json.dumps(message).encode() + b"\n"


class Stuck:
    """A handler whose calls stand still until they are ended or let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = asyncio.Event()

    async def __call__(self, params: Any) -> Any:
        self.begun += 1
        await self.may_end.wait()
        return {}

    async def all_begun(self, count: int) -> None:
        """Waits until so many calls were begun."""
        async with asyncio.timeout(10):
            while self.begun < count:  # noqa: ASYNC110 - handlers run in between.
                await asyncio.sleep(0)


async def answered(reader: asyncio.StreamReader, count: int) -> dict[int, dict[str, Any]]:
    """Returns so many answers by their ids."""
    async with asyncio.timeout(10):
        found = [json.loads(await reader.readline()) for _ in range(count)]
    return {answer["id"]: answer for answer in found}


async def test_a_cancel_with_an_id_is_answered(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        daemon.handlers["space.search"] = stuck = Stuck()
        reader, writer = await asyncio.open_unix_connection(daemon.path)
        writer.write(request("space.search", 1, space="s", query="x"))
        await stuck.all_begun(1)
        writer.write(cancel(1, 2) + cancel(77, 3))
        found = await answered(reader, 3)
        assert found[1]["error"]["data"]["code"] == "cancelled"
        assert (found[2]["result"], found[3]["result"]) == ({}, {})
        writer.close()


async def test_cancels_are_heard_while_every_place_is_taken(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        daemon.handlers["space.search"] = stuck = Stuck()
        reader, writer = await asyncio.open_unix_connection(daemon.path)
        count = REQUESTS_RUNNING_MAX + 3
        for request_id in range(1, count + 1):
            writer.write(request("space.search", request_id, space="s", query="x"))
        await stuck.all_begun(REQUESTS_RUNNING_MAX)
        writer.write(cancel(count) + cancel(1))  # One that waits, one that is worked on.
        found = await answered(reader, 2)
        assert {one["error"]["data"]["code"] for one in found.values()} == {"cancelled"}
        assert sorted(found) == [1, count]
        await stuck.all_begun(REQUESTS_RUNNING_MAX + 1)
        stuck.may_end.set()
        assert sorted(await answered(reader, count - 2)) == list(range(2, count))
        assert stuck.begun == count - 1, "the one that waited was never begun"
        writer.close()


async def test_a_call_and_its_cancel_in_one_read_end_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        daemon.handlers["space.search"] = stuck = Stuck()
        reader, writer = await asyncio.open_unix_connection(daemon.path)
        writer.write(request("space.search", 1, space="s", query="x") + cancel(1))
        found = await answered(reader, 1)
        assert found[1]["error"]["data"]["code"] == "cancelled"
        assert stuck.begun == 0
        writer.close()


async def test_a_client_with_much_that_waits_is_not_read_before_less_does(tmp_path: Path) -> None:
    async with serving(tmp_path) as daemon:
        daemon.handlers["space.search"] = stuck = Stuck()
        reader, writer = await asyncio.open_unix_connection(daemon.path)
        query = "x" * (WAITING_BYTES_MAX // 2)
        sent = 500
        for request_id in range(1, sent + 1):
            writer.write(request("space.search", request_id, space="s", query=query))
        draining = asyncio.create_task(writer.drain())
        await stuck.all_begun(REQUESTS_RUNNING_MAX)
        for _ in range(1000):
            await asyncio.sleep(0)  # Whatever would be read would be read now.
        assert len(requests_waiting()) <= REQUESTS_RUNNING_MAX + 3
        assert not draining.done(), "the socket is full"
        stuck.may_end.set()
        assert len(await answered(reader, sent)) == sent
        await draining
        writer.close()


def requests_waiting() -> list[asyncio.Task[Any]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == "control-request"]


async def test_a_daemon_ends_while_a_call_is_being_taken_back(tmp_path: Path) -> None:
    begun, cleaning = asyncio.Event(), asyncio.Event()

    async def search(params: Any) -> Any:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaning.set()
            await asyncio.Event().wait()

    daemon = Daemon(tmp_path / "daemon.sock", None)
    daemon.handlers["space.search"] = search
    running = asyncio.create_task(daemon.server.run())
    await daemon.server.listening()
    reader, writer = await asyncio.open_unix_connection(daemon.path)
    writer.write(request("space.search", 1, space="s", query="x"))
    await begun.wait()
    writer.write(cancel(1))
    await cleaning.wait()
    running.cancel()
    async with asyncio.timeout(10):
        await asyncio.gather(running, return_exceptions=True)
        assert await reader.read() == b"", "nothing is written any more"
    writer.close()


async def test_a_daemon_that_knows_no_cancel_fails_no_other_call(tmp_path: Path) -> None:
    """One of before refuses what it does not know, and what has no id without one."""
    taken_back = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        other: Any = None
        while line := await reader.readline():
            asked = json.loads(line)
            if asked["method"] == "space.list":
                other = asked["id"]
            if asked["method"] == "$/cancelRequest":
                error = {"code": -32601, "message": "none", "data": {"code": "unknown_method"}}
                for answer in (
                    {"id": asked.get("id"), "error": error},
                    {"id": other, "result": {"spaces": []}},
                ):
                    writer.write(json.dumps({"jsonrpc": "2.0", **answer}).encode() + b"\n")
                taken_back.set()

    path = tmp_path / "daemon.sock"
    async with answering(path, serve), await ControlClient.connect(path) as client:
        other = asyncio.create_task(client.call("space.list"))
        search = asyncio.create_task(client.call("space.search", space="s", query="x"))
        await asyncio.sleep(0)
        search.cancel()
        await taken_back.wait()
        assert await other == {"spaces": []}
