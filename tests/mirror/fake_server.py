"""A server in memory that follows part 2 of the wire protocol, with the faults that networks have.

It speaks through the mirror's own Connector port: no sockets, no tasks. Everything that one
connection is told is queued in the order of the history, as the protocol promises.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import json
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sila_daemon.core.errors import (
    RemoteRefusedError,
    RemoteUnavailableError,
    SignInNeededError,
)
from sila_daemon.core.ops import Op, PropertyOp, content_bytes
from sila_daemon.core.state_vector import StateVector
from sila_daemon.core.wire import decode_ops, encode_ops
from sila_daemon.mirror.connector import Answer, Body, Connection, Event, Incoming, Response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

TOKEN = "good-token"


@dataclass
class FakeServer:
    """One server with one space; the state may be looked at and changed by tests."""

    space_id: str
    url: str = "http://fake"
    server_id: str = "server-1"
    epoch: str = "epoch-1"
    history: list[tuple[str, Op]] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    static: dict[str, bytes] = field(default_factory=dict)
    var: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    var_revisions: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    secrets: dict[str, dict[str, str]] = field(
        default_factory=lambda: {"values": {}, "removed": {}}
    )
    connections: list[FakeConnection] = field(default_factory=list)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    is_down: bool = False
    is_forbidden: bool = False
    swallows_answers: bool = False
    loses_answers_to: str = ""
    """A method of HTTP: what is asked so is done, then the server is down; nobody hears of it."""
    """Commits, and never says so."""
    resumes: bool = True
    """Uploads and downloads go on where they broke off."""
    uploads: dict[str, tuple[str, int, bytes]] = field(default_factory=dict)
    """By id the file, how long it will be, and what came."""
    cuts_files_at: int | None = None
    """The next single file breaks off after so many bytes."""
    tears_uploads: bool = False
    """What came of the next upload that goes on was lost: zeros stand in its place."""
    shifts_parts_by: int = 0
    """A part of a file begins so many bytes after the place that was asked for."""
    tells: dict[str, str] = field(default_factory=dict)
    """What it says in headers of those names, whatever is true."""
    is_full: bool = False
    """It takes no more immutable files."""
    has_packs: bool = False
    cuts_packs_at: int | None = None
    """So many bytes of a pack that is asked for arrive."""
    refused_in_packs: set[str] = field(default_factory=set)
    """Files that are stored only when they come by themselves."""
    rejects: dict[str, str] = field(default_factory=dict)
    """Vertex id to rejection code."""
    refuses_whole: dict[str, str] = field(default_factory=dict)
    """Vertex id to the code with which a batch that holds it is refused, with all in it."""
    dies_on: set[str] = field(default_factory=set)
    """Vertex ids that end every connection over which they come."""
    sent_targets: list[list[str]] = field(default_factory=list)
    """What the ops of each batch that arrived are about."""
    sent_batches: list[int] = field(default_factory=list)
    """Bytes of each `ops:send` that arrived."""
    questions: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    part_size: int = 1000
    credit: int = 4
    under_way_max: int = 0

    def __post_init__(self) -> None:
        self._tags = itertools.count(1)

    async def connect(self, server_url: str, space_id: str, auth: Mapping[str, Any]) -> Connection:
        await asyncio.sleep(0)
        if self.is_down:
            raise RemoteUnavailableError("nobody answers")
        if auth["token"] not in self.tokens:
            raise SignInNeededError("unauthorized")
        if self.is_forbidden or space_id != self.space_id:
            raise RemoteRefusedError("forbidden", code="forbidden")
        connection = FakeConnection(self)
        self.connections.append(connection)
        connection.tell("ready", self.ready())
        return connection

    def ready(self) -> dict[str, Any]:
        return {
            "spaceId": self.space_id,
            "protocol": 2,
            "serverId": self.server_id,
            "epoch": self.epoch,
            "cursor": self.cursor(len(self.history)),
            "limits": {
                "frameBytes": 1 << 20, "batchOps": 10_000, "opBytes": 1 << 19, "credit": self.credit
            },
        }  # fmt: skip

    def cursor(self, seq: int) -> dict[str, Any]:
        return {"epoch": self.epoch, "seq": seq, "tag": self.tags[seq - 1] if seq else ""}

    def commit(
        self, tree_id: str, ops: list[Op], sender: FakeConnection | None = None
    ) -> tuple[int, int]:
        """Adds what is new; tells everyone else. Returns how many were new and how many known."""
        known = {
            (op.counter, op.peer, content_bytes(op)) for tree, op in self.history if tree == tree_id
        }
        fresh = [
            op
            for op in ops
            if (op.counter, op.peer, content_bytes(op)) not in known
            and not (isinstance(op, PropertyOp) and op.transient)
        ]
        before = len(self.history)
        tag = f"{next(self._tags):016x}"
        self.history += [(tree_id, op) for op in fresh]
        self.tags += [tag] * len(fresh)
        if fresh:
            for connection in self.connections:
                if connection is not sender:
                    connection.tell_ops("ops:receive", tree_id, fresh, before)
        return len(fresh), len(ops) - len(fresh)

    def drop_connections(self) -> None:
        for connection in list(self.connections):
            connection.end()

    def go_back_to(self, seq: int) -> None:
        """Loses the newest part of its history, as a restored disk does, and does not say so."""
        self.drop_connections()
        del self.history[seq:], self.tags[seq:]

    def vector(self, tree_id: str) -> StateVector:
        vector = StateVector()
        for tree, op in self.history:
            if tree == tree_id:
                vector.add(op.peer, op.counter)
        return vector

    @property
    def tree_ids(self) -> list[str]:
        return list(dict.fromkeys(tree for tree, _ in self.history))

    @asynccontextmanager
    async def request(
        self,
        method: str,
        server_url: str,
        path: str,
        *,
        token: str,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
    ) -> AsyncIterator[Response]:
        await asyncio.sleep(0)
        if self.is_down:
            raise RemoteUnavailableError("nobody answers")
        self.requests.append(f"{method} {path.removeprefix(f'/spaces/{self.space_id}')}")
        data = b""
        if isinstance(body, bytes):
            data = body
        elif body is not None:
            data = b"".join([chunk async for chunk in body])
        cut = self.cuts_files_at if "/files/static/" in path or "/files/uploads/" in path else None
        is_cut_upload = cut is not None and method in ("PUT", "PATCH") and len(data) > cut
        if is_cut_upload:
            self.cuts_files_at, data = None, data[:cut]
        status, answered, found = self._route(method, path, headers or {}, data)
        answered |= {name: text for name, text in self.tells.items() if name in answered}
        if is_cut_upload:
            raise RemoteUnavailableError("the connection broke off")
        if method == self.loses_answers_to:
            self.is_down = True
            raise RemoteUnavailableError("the connection broke off")
        if cut is not None and method == "GET" and len(found) > cut:
            self.cuts_files_at = None
            yield FakeResponse(status, answered, found, cut)
            return
        yield FakeResponse(status, answered, found)

    def _route(
        self, method: str, path: str, headers: Mapping[str, str], data: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        parts = path.split("/")[3:]
        if parts == ["files", "missing"]:
            asked = json.loads(data)
            static = [name for name in asked["static"] if name not in self.static]
            var = [
                entry["id"]
                for entry in asked["var"]
                if entry["id"] not in self.var
                or hashlib.sha256(self.var[entry["id"]][1]).hexdigest() != entry["sha256"]
            ]
            return _ok(static=static, var=var)
        if self.has_packs and parts == ["files", "pack"]:
            return self._pack(data)
        if self.has_packs and parts == ["files", "fetch"]:
            wanted = [name for name in json.loads(data)["static"] if name in self.static]
            lines = (packed_line(name, self.static[name]) for name in wanted)
            return 200, {}, b"".join(lines)[: self.cuts_packs_at]
        if parts[:2] == ["files", "static"]:
            if "Upload-Length" in headers and self.resumes:
                return self._begin_upload(parts[2], int(headers["Upload-Length"]))
            if headers.get("Upload-Complete") == "?0":
                data = b""  # An older server takes the body for the file.
            return self._static(method, parts[2], data, headers.get("Range"))
        if parts[:2] == ["files", "uploads"]:
            return self._upload(method, parts[2], headers, data)
        if parts[:2] == ["files", "var"]:
            return self._var(method, parts[2], headers, data, is_history=parts[3:] != [])
        if parts == ["secrets"]:
            return self._secrets(method, headers, data)
        return _refused(404, "not_found")

    def _begin_upload(self, name: str, length: int) -> tuple[int, dict[str, str], bytes]:
        if name in self.static:
            return _ok({"Upload-Complete": "?1"}, hash=name)
        upload = f"upload-{next(self._tags)}"
        self.uploads[upload] = (name, length, b"")
        return _ok({"Upload-Complete": "?0"}, upload=f"/spaces/x/files/uploads/{upload}", offset=0)

    def _upload(
        self, method: str, upload: str, headers: Mapping[str, str], data: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        if upload not in self.uploads:
            return _refused(404, "upload_missing")
        name, length, before = self.uploads[upload]
        if method == "HEAD":
            is_whole = name in self.static
            told = {"Upload-Complete": f"?{int(is_whole)}", "Upload-Offset": str(len(before))}
            return 204, told, b""
        if int(headers["Upload-Offset"]) != len(before):
            return _refused(409, "offset_mismatch")
        if before and self.tears_uploads:
            self.tears_uploads, before = False, bytes(len(before))
        self.uploads[upload] = (name, length, before + data)
        if len(before + data) < length:
            return _refused(400, "incomplete")
        return self._static("PUT", name, before + data)

    def _static(
        self, method: str, name: str, data: bytes, wanted: str | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        if method == "GET":
            if name not in self.static:
                return _refused(404, "blob_missing")
            data = self.static[name]
            if wanted is not None and self.resumes:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                if start >= len(data):
                    return _refused(416, "http_416")
                start += self.shifts_parts_by
                told = f"bytes {start}-{len(data) - 1}/{len(data)}"
                return 206, {"Content-Range": told, "ETag": f'"{name}"'}, data[start:]
            return 200, {"ETag": f'"{name}"', "Content-Length": str(len(data))}, data
        if self.is_full:
            return _refused(507, "quota")
        if hashlib.sha256(data).hexdigest() != name:
            return _refused(422, "corrupt_blob")
        self.static[name] = data
        self._tell_all("files:changed", {"static": [name], "var": []})
        return _ok(hash=name)

    def _pack(self, data: bytes) -> tuple[int, dict[str, str], bytes]:
        results: list[dict[str, Any]] = []
        while data:
            line, _, data = data.partition(b"\n")
            header = json.loads(line)
            name, content, data = header["id"], data[: header["size"]], data[header["size"] :]
            status, _, _ = self._static("PUT", name, content)
            is_refused = name in self.refused_in_packs
            if is_refused:
                del self.static[name]
            results.append({"kind": "static", "id": name, "ok": status < 300 and not is_refused})
        return _ok(files=results)

    def _var(
        self,
        method: str,
        name: str,
        headers: Mapping[str, str],
        data: bytes,
        *,
        is_history: bool,
    ) -> tuple[int, dict[str, str], bytes]:
        known = self.var.get(name)
        if method == "GET" and is_history:
            return _ok(revisions=self.var_revisions.get(name, []))
        if method == "GET":
            if known is None:
                return _refused(404, "blob_missing")
            sha256 = hashlib.sha256(known[1]).hexdigest()
            return 200, {"ETag": f'"{known[0]}"', "X-Sha256": sha256}, known[1]
        expected = headers.get("If-Match")
        is_side = (f'"{known[0]}"' if known else None) != expected
        sent = {"sha256": hashlib.sha256(data).hexdigest(), "side": is_side}
        self.var_revisions.setdefault(name, []).append(sent)
        if is_side:
            return _refused(412, "changed")
        self.var[name] = ((known[0] if known else 0) + 1, data)
        changed = [{"id": name, "revision": str(self.var[name][0])}]
        self._tell_all("files:changed", {"static": [], "var": changed})
        return _ok(revision=str(self.var[name][0]))

    def _secrets(
        self, method: str, headers: Mapping[str, str], data: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        text = json.dumps(self.secrets, sort_keys=True).encode()
        etag = f'"{hashlib.sha256(text).hexdigest()[:16]}"'
        box, nonce = AESGCM(self.space_id.encode()), b"n" * 12
        if method == "GET":
            sealed = base64.b64encode(nonce + box.encrypt(nonce, text, None)).decode()
            return _ok({"ETag": etag}, sealed=sealed)
        if headers.get("If-Match") != etag:
            return _refused(412, "changed")
        raw = base64.b64decode(json.loads(data)["sealed"])
        self.secrets = json.loads(box.decrypt(raw[:12], raw[12:], None))
        self._tell_all("secrets:changed", {"etag": "new"})
        return _ok()

    def _tell_all(self, name: str, payload: dict[str, Any]) -> None:
        for connection in self.connections:
            connection.tell(name, payload)


def packed_line(name: str, data: bytes) -> bytes:
    """One file of a pack."""
    header = {"kind": "static", "id": name, "size": len(data)}
    return json.dumps(header).encode() + b"\n" + data


class FakeConnection:
    """One client's connection."""

    def __init__(self, server: FakeServer) -> None:
        self._server = server
        self._inbox: asyncio.Queue[Incoming | None] = asyncio.Queue()
        self._is_open = True
        self._ids = itertools.count(1)
        self._unread_answers = 0

    def tell(self, name: str, payload: dict[str, Any]) -> None:
        self._inbox.put_nowait(Event(name, json.dumps(payload).encode()))

    def tell_text(self, name: str, text: str) -> None:
        self._inbox.put_nowait(Event(name, text.encode()))

    def tell_ops(self, name: str, tree_id: str, ops: list[Op], before: int | None) -> None:
        server = self._server
        position = ""
        if before is not None:
            steps = {"prev": server.cursor(before), "cursor": server.cursor(before + len(ops))}
            position = "," + json.dumps(steps)[1:-1]
        text = f'{{"treeId":{json.dumps(tree_id)},"ops":{encode_ops(ops).decode()}{position}}}'
        self._inbox.put_nowait(Event(name, text.encode()))

    def end(self) -> None:
        self._is_open = False
        if self in self._server.connections:
            self._server.connections.remove(self)
        self._inbox.put_nowait(None)

    async def close(self) -> None:
        self.end()

    async def receive(self) -> Incoming:
        arrived = await self._inbox.get()
        if arrived is None:
            raise RemoteUnavailableError("the connection ended")
        if isinstance(arrived, Answer):
            self._unread_answers -= 1
        return arrived

    async def send(self, name: str, payload: bytes) -> None:
        await self.ask(name, payload)

    async def ask(self, name: str, payload: bytes) -> int:
        await asyncio.sleep(0)
        if not self._is_open:
            raise RemoteUnavailableError("the connection ended")
        call_id = next(self._ids)
        item = json.loads(payload)
        if name == "ops:send":
            self._on_send(call_id, payload)
        elif name == "ops:have":
            self._on_have()
        elif name == "ops:state" and "since" in item:
            self._server.questions.append("since")
            self._on_since(item["since"])
        elif name == "ops:state":
            self._server.questions.append("trees")
            self._on_trees(item["trees"])
        return call_id

    def _on_send(self, call_id: int, payload: bytes) -> None:
        server = self._server
        server.sent_batches.append(len(payload))
        item = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
        ops, refused = decode_ops(bytes(item["ops"]))
        assert not refused
        targets = [op.target for op in ops]
        server.sent_targets.append(targets)
        if server.dies_on.intersection(targets):
            self.end()
            return
        codes = [server.refuses_whole[name] for name in targets if name in server.refuses_whole]
        if codes:
            refusal = {"ok": False, "code": codes[0], "message": "no batch", "retry": False}
            self._unread_answers += 1
            self._inbox.put_nowait(Answer(call_id, json.dumps(refusal).encode()))
            return
        rejected = [
            {"counter": op.counter, "peerId": op.peer, "code": server.rejects[op.target],
             "message": "no"}
            for op in ops
            if op.target in server.rejects
        ]  # fmt: skip
        kept = [op for op in ops if op.target not in server.rejects]
        before = len(server.history)
        tree_id = msgspec.json.decode(item["treeId"], type=str)
        accepted, duplicates = server.commit(tree_id, kept, self)
        if server.swallows_answers:
            return
        answer = {
            "ok": True,
            "accepted": accepted,
            "duplicates": duplicates,
            "rejected": rejected,
            "prev": server.cursor(before),
            "cursor": server.cursor(len(server.history)),
        }
        self._unread_answers += 1
        server.under_way_max = max(server.under_way_max, self._unread_answers)
        self._inbox.put_nowait(Answer(call_id, json.dumps(answer).encode()))

    def _on_have(self) -> None:
        server = self._server
        server.questions.append("have")
        for tree_id in server.tree_ids:
            for peer, ranges in server.vector(tree_id).to_json().items():
                for start in range(0, len(ranges), 2):
                    part = ranges[start : start + 2]
                    self.tell("ops:have", {"treeId": tree_id, "peer": peer, "ranges": part})
        ids = Counter((tree, op.peer, op.counter) for tree, op in server.history)
        for (tree_id, peer, counter), contents in ids.items():
            if contents > 1:
                several = {"treeId": tree_id, "peer": peer, "alternates": [counter]}
                self.tell("ops:have", several)
        self.tell("ops:have", {"done": True, "cursor": server.cursor(len(server.history))})

    def _on_since(self, since: dict[str, Any]) -> None:
        server = self._server
        seq = since["seq"]
        if seq > len(server.history) or since != server.cursor(seq):
            head = server.cursor(len(server.history))
            self.tell("ops:sync:done", {"treeIds": [], "cursor": head, "reset": True})
            return
        position = seq
        for tree_id, run in itertools.groupby(server.history[seq:], key=lambda entry: entry[0]):
            ops = [op for _, op in run]
            for start in range(0, len(ops), server.part_size):
                part = ops[start : start + server.part_size]
                self.tell_ops("ops:sync", tree_id, part, position)
                position += len(part)
        self.tell("ops:sync:done", {"treeIds": [], "cursor": server.cursor(position)})

    def _on_trees(self, trees: dict[str, Any]) -> None:
        for tree_id, held in trees.items():
            vector = StateVector() if held is None else StateVector.from_json(held)
            ops = [
                op
                for tree, op in self._server.history
                if tree == tree_id and (op.counter, op.peer) not in vector
            ]
            if ops:
                self.tell_ops("ops:sync", tree_id, ops, None)
        self.tell("ops:sync:done", {"treeIds": list(trees)})


class FakeResponse:
    """An answer that is there already."""

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        data: bytes,
        cuts_at: int | None = None,
    ) -> None:
        self._cuts_at = cuts_at
        self.status = status
        self.headers = headers
        self._data = data

    async def read(self, size_max: int) -> bytes:
        return self._data

    async def chunks(self) -> AsyncIterator[bytes]:
        data, step = self._data[: self._cuts_at], max(1000, len(self._data) // 20)
        for start in range(0, len(data), step):
            yield data[start : start + step]
        if self._cuts_at is not None:
            raise RemoteUnavailableError("the connection broke off")


def _ok(headers: dict[str, str] | None = None, **members: Any) -> tuple[int, dict[str, str], bytes]:
    return 200, headers or {}, json.dumps({"ok": True, **members}).encode()


def _refused(status: int, code: str) -> tuple[int, dict[str, str], bytes]:
    return status, {}, json.dumps({"ok": False, "error": code, "code": code}).encode()
