"""A daemon that answers from fixed data: a real Unix socket, the shapes of the real one.

It remembers what the screens change (messages, branches, secrets, pauses), so that a test can see
that a key press arrived. Methods that it does not know are refused as the real one refuses them.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.tui import fake_files, sample
from tests.tui.fake_chats import FakeChats, chat_answer
from tests.tui.fake_search import search

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, code: str, message: str, hint: str = "", exit_code: int = 4) -> None:
        super().__init__(message)
        self.wire = {
            "code": -32000,
            "message": message,
            "data": {"code": code, "hint": hint, "exitCode": exit_code},
        }


class FakeDaemon:
    """Listens on `path` between `start` and `stop`, which may follow each other many times."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.calls: list[tuple[str, Json]] = []
        self.status = sample.status()
        self.messages: dict[str, list[Json]] = {sample.COFFEE: sample.chat_messages()}
        self.vertices = sample.vertices()
        self.chats = [dict(row) for row in sample.CHATS]
        self._chat_list = FakeChats(self)
        self.secrets = dict(sample.SECRETS)
        self.events = sample.events()
        self.places: dict[str, str | None] = {"f8": "recipes", "v-gone": sample.WORK}
        """What deleted vertices stood under."""
        self.epoch = "run-1"
        self.servers: list[Json] = []
        self.away = set(sample.AWAY)
        self.transfers: Json = {"revision": 0, "transfers": [], "totals": []}
        self._followers: list[tuple[asyncio.StreamWriter, Json]] = []
        """Who asked for the next state of the transfers."""
        self.held: list[Json] = []
        self.outbox: Json = {"waiting": [], "ops": [], "more": 0}
        self.remote_spaces: dict[str, list[Json]] = {}
        self.refusals: dict[str, Refused] = {}
        """Methods that are answered with an error."""
        self.holds: dict[str, asyncio.Event] = {}
        """Methods that are answered only when their event is set; other calls go on meanwhile."""
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._subscribers: list[asyncio.StreamWriter] = []
        self._served: set[asyncio.Task[None]] = set()

    @property
    def files(self) -> list[Json]:
        """The files as `file.list` gives them."""
        return list(fake_files.listed(self.vertices, self.away)["files"])

    async def start(self) -> None:
        """Begins to listen."""
        self._server = await asyncio.start_unix_server(self._accept, self.path, limit=1 << 24)

    async def stop(self) -> None:
        """Hangs up on everybody and stops listening."""
        if self._server is not None:
            self._server.close()
            for writer in self._writers:
                writer.close()
            await asyncio.gather(*self._served)
            self._writers, self._subscribers = [], []
            await self._server.wait_closed()
            self._server = None
        self.path.unlink(missing_ok=True)

    def emit(self, **event: Any) -> None:
        """Tells every subscriber of something new."""
        row = {"id": len(self.events) + 1, "at": sample.ms(0), "kind": "ops", **event}
        self.events.append(row)
        for writer in self._subscribers:
            self._write(writer, {"jsonrpc": "2.0", "method": "event", "params": row})

    def move(self, transfers: list[Json], totals: list[Json]) -> None:
        """Tells whoever follows them where the files on their way have come to."""
        revision = self.transfers["revision"] + 1
        self.transfers = {"revision": revision, "transfers": transfers, "totals": totals}
        followers, self._followers = self._followers, []
        for writer, answer in followers:
            self._write(writer, {**answer, "result": self.transfers})

    def called(self, method: str) -> list[Json]:
        """The parameters of every call of a method so far."""
        return [params for name, params in self.calls if name == method]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer), name="served")
        self._served.add(task)
        task.add_done_callback(self._served.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with suppress(ConnectionError):
            while line := await reader.readline():
                request = json.loads(line)
                if "id" not in request:
                    continue  # A request is taken back: ours are answered at once.
                method, params = request["method"], request["params"]
                self.calls.append((method, params))
                if method in self.holds:
                    self._hold(writer, request)
                    continue
                answer: Json = {"jsonrpc": "2.0", "id": request["id"]}
                if method == "transfer.list" and params.get("after") == self.transfers["revision"]:
                    self._followers.append((writer, answer))
                    continue
                try:
                    answer["result"] = self._answer(method, params)
                except Refused as refused:
                    answer["error"] = refused.wire
                self._write(writer, answer)
                if method == "events.subscribe":
                    self._subscribe(writer, params)
        writer.close()

    def _hold(self, writer: asyncio.StreamWriter, request: Json) -> None:
        method, held = request["method"], self.holds[request["method"]]

        async def later() -> None:
            await held.wait()
            result = self._answer(method, request["params"])
            self._write(writer, {"jsonrpc": "2.0", "id": request["id"], "result": result})

        task = asyncio.get_running_loop().create_task(later(), name=f"held {method}")
        self._served.add(task)
        task.add_done_callback(self._served.discard)

    def _subscribe(self, writer: asyncio.StreamWriter, params: Json) -> None:
        seen = params.get("after", len(self.events))
        same_run = params.get("epoch") in (None, self.epoch)
        for row in self.events[seen if same_run else 0 :]:
            self._write(writer, {"jsonrpc": "2.0", "method": "event", "params": row})
        self._subscribers.append(writer)

    @staticmethod
    def _write(writer: asyncio.StreamWriter, message: Json) -> None:
        if not writer.is_closing():
            writer.write(json.dumps(message).encode() + b"\n")

    def _answer(self, method: str, params: Json) -> Any:
        if method in self.refusals:
            raise self.refusals[method]
        answers: dict[str, Callable[[Json], Any]] = {
            "daemon.status": lambda _: self.status,
            "events.subscribe": self._subscribed,
            "tree.list": lambda _: {"trees": sample.TREES},
            "chat.list": lambda _: {"chats": self.chats},
            "chat.show": self._chat,
            "chat.send": self._send,
            **self._chat_list.answers,
            "edit.apply": self._edit,
            "file.list": lambda _: fake_files.listed(self.vertices, self.away),
            "file.fetch": self._fetch,
            "space.set_fetch": self._set_fetch,
            "transfer.list": lambda _: self.transfers,
            "file.head": lambda params: fake_files.head(self.vertices, params),
            "trash.list": lambda _: fake_files.trashed(self.vertices, self.places),
            "file.get": self._get,
            "file.put": self._put,
            "secret.list": lambda _: {"names": sorted(self.secrets)},
            "secret.get": lambda params: {"value": self.secrets[params["name"]], **params},
            "secret.set": self._set_secret,
            "secret.unset": lambda params: {"done": bool(self.secrets.pop(params["name"]))},
            "space.search": lambda params: search(self, params),
            "space.sync": lambda _: {},
            "outbox.list": lambda _: self.outbox,
            "outbox.retry": self._retry,
            "outbox.export": lambda params: {**params, "ops": len(self.outbox["ops"]), "size": 1},
            "held.list": lambda _: {"held": self.held},
            "held.accept": self._decided,
            "held.refuse": self._decided,
            "held.undo": self._decided,
            "space.pause": lambda params: self._set_state(params["space"], "paused"),
            "space.resume": lambda params: self._set_state(params["space"], "current"),
            "space.create": self._create,
            "space.remove": self._remove,
            "space.add": lambda params: self._create({"address": params["path"], "name": "Added"}),
            "space.clone": self._clone,
            "space.add_server": lambda params: {"url": params["url"], "secrets": "keep"},
            "space.remote_list": lambda params: {"spaces": self.remote_spaces[params["url"]]},
            "server.list": lambda _: {"servers": self.servers},
            "server.login": self._login,
            "vertex.get": self._vertex,
            "vertex.children": self._children,
        }
        if method not in answers:
            raise Refused("unknown_method", f"there is no method {method}", exit_code=70)
        return answers[method](params)

    def _decided(self, params: Json) -> Json:
        count = sum(hold["ops"] for hold in self.held)
        holds, self.held = len(self.held), []
        for space in self.status["spaces"]:
            space.pop("heldOps", None)
        return {"holds": holds, "ops": count}

    def _subscribed(self, params: Json) -> Json:
        gap = params.get("epoch") not in (None, self.epoch)
        return {"epoch": self.epoch, "oldest": 1, "latest": len(self.events), "gap": gap}

    def _chat(self, params: Json) -> Json:
        titles = {row["tree"]: row["title"] for row in self.chats}
        tree = params["tree"]
        shown = chat_answer(self.messages.get(tree, []), params)
        return {"tree": tree, "title": titles[tree], **shown}

    def _send(self, params: Json) -> Json:
        vertex = f"sent-{len(messages := self.messages.setdefault(params['tree'], []))}"
        messages.append(
            {"id": vertex, "role": params["role"], "text": params["text"], "index": 0,
             "alternatives": [vertex], "created": sample.iso(0), "model": None,
             "thinking": None, "files": []}
        )  # fmt: skip
        for chat in self.chats:
            chat["messages"] += chat["tree"] == params["tree"]
        self.emit(space=params["space"], text="1 op written here", trees=[params["tree"]])
        return {"vertex": vertex}

    def _edit(self, params: Json) -> Json:
        """Follows a change of the main branch."""
        for edit in params["edits"]:
            if edit["do"] == "set" and edit["key"] == "main" and edit["value"]:
                for message in self.messages[params["tree"]]:
                    if edit["vertex"] in message["alternatives"]:
                        message["id"] = edit["vertex"]
                        message["index"] = message["alternatives"].index(edit["vertex"])
                        message["text"] = f"the text of {edit['vertex']}"
        return {"results": [{"vertex": self._change(params, edit)} for edit in params["edits"]]}

    def _change(self, params: Json, edit: Json) -> str:
        """Keeps one edit of a tree; what is deleted goes below the vertex `0`."""
        tree, vertex = self._tree(params), str(edit.get("vertex", ""))
        match edit["do"]:
            case "new":
                vertex = f"made-{len(tree)}"
                tree[vertex] = {"parent": edit["parent"], "properties": dict(edit["properties"])}
                if "role" in edit["properties"]:
                    self._branch(tree, vertex)
            case "set" if vertex in tree:
                tree[vertex]["properties"][edit["key"]] = edit["value"]
                for message in self.messages.get(params["tree"], []):
                    if message["id"] == vertex and edit["key"] == "text":
                        message["text"] = edit["value"]
            case "unset":
                tree[vertex]["properties"].pop(edit["key"], None)
            case "move":
                tree[vertex].update(parent=edit["parent"], moved=True)
            case "delete":
                tree.setdefault("0", {"parent": None, "properties": {}})
                self.places[vertex] = tree[vertex]["parent"]
                tree[vertex].update(parent="0", moved=True)
            case "restore":
                tree[vertex]["parent"] = self.places.pop(vertex, params["tree"])
        return vertex

    def _branch(self, tree: dict[str, Json], vertex: str) -> None:
        """Shows a new message in the place of those that answer the same one."""
        made = tree[vertex]
        for message in self.messages[sample.COFFEE]:
            if tree.get(message["id"], {}).get("parent") == made["parent"]:
                message["alternatives"] = [*message["alternatives"], vertex]
                message["index"] = len(message["alternatives"]) - 1
                message["id"], message["text"] = vertex, made["properties"]["text"]

    def _fetch(self, params: Json) -> Json:
        files = len(self.away & {params["path"]})
        self.away.discard(params["path"])
        return {"files": files, "bytes": 0}

    def _set_fetch(self, params: Json) -> Json:
        names = ("onDemand", "newerThanDays", "upToBytes")
        policy = {name: params.get(name) for name in names}
        for space in self.status["spaces"]:
            if space["id"] == params["space"]:
                space["fetch"] = policy
        return policy

    def _retry(self, params: Json) -> Json:
        """Everything that was refused is taken now; what is no op stays none."""
        kept = [op for op in self.outbox["ops"] if op["way"] == "set_aside"]
        offered = len(self.outbox["ops"]) - len(kept)
        self.outbox["ops"] = kept
        return {"offered": offered, "read": 0}

    def _put(self, params: Json) -> Json:
        """Keeps a file at the top of the files tree."""
        named = {"name": params["path"], "size": 5, "mimeType": "text/plain", "hash": "ee"}
        self.vertices[sample.FILES_TREE]["new"] = {"parent": "top", "properties": named}
        return {"tree": sample.FILES_TREE, "vertex": "new", **params, "hash": "ee", "size": 5}

    def _get(self, params: Json) -> Json:
        """Writes what a file begins with, as the real one writes all of it."""
        target = Path(params["target"])
        if target.exists() and not params["overwrite"]:
            raise Refused("exists", f"{target} exists already", exit_code=6)
        if target.is_relative_to(tempfile.gettempdir()):
            target.unlink(missing_ok=True)
            target.write_bytes(sample.CONTENTS.get(params["path"].rpartition("/")[2], b""))
        return {"target": str(target), "size": 1}

    def _remove(self, params: Json) -> Json:
        spaces = self.status["spaces"]
        self.status["spaces"] = [row for row in spaces if row["id"] != params["space"]]
        return {"id": params["space"]}

    def _set_secret(self, params: Json) -> Json:
        self.secrets[params["name"]] = params["value"]
        return {}

    def _set_state(self, space_id: str, state: str) -> Json:
        for row in self.status["spaces"]:
            if row["id"] == space_id:
                row["state"], row["reason"] = state, ""
        return {"until": None}

    def _create(self, params: Json) -> Json:
        row = sample.space("new0new0", params["name"], params["address"], "current")
        self.status["spaces"].append(row)
        return {"id": row["id"], "name": row["name"], "path": row["path"]}

    def _clone(self, params: Json) -> Json:
        [listed] = [row for row in self.remote_spaces[params["url"]] if row["id"] == params["id"]]
        row = sample.space(params["id"], listed["name"], params.get("path"), "syncing")
        self.status["spaces"].append(row)
        return {"id": row["id"], "name": row["name"], "path": row["path"]}

    def _login(self, params: Json) -> Json:
        row = {"url": params["url"], "email": params["email"], "store": "file", "signedIn": True,
               "reason": ""}  # fmt: skip
        self.servers.append(row)
        self.remote_spaces.setdefault(params["url"], [])
        return row

    def _tree(self, params: Json) -> dict[str, Json]:
        return self.vertices.get(
            params["tree"], {params["tree"]: {"parent": None, "properties": {}}}
        )

    def _vertex(self, params: Json) -> Json:
        tree = self._tree(params)
        vertex = params.get("vertex") or params["tree"]
        said = {message["id"]: message for message in self.messages.get(params["tree"], [])}
        if vertex in said and vertex not in tree:
            return {"id": vertex, "parent": None, "properties": {"text": said[vertex]["text"]}}
        if vertex not in tree:
            raise Refused("not_found", f"there is no vertex {vertex}")
        row, properties = tree[vertex], tree[vertex]["properties"]
        path, above = [_name(vertex, properties)], row["parent"]
        while above is not None:
            path.insert(0, _name(above, tree[above]["properties"]))
            above = tree[above]["parent"]
        return {
            "id": vertex, "parent": row["parent"], "properties": properties, **sample.authors(row),
            "deleted": vertex == "0" or _is_deleted(tree, vertex),
            "name": properties.get("name") or properties.get("_n"), "path": "/".join(path),
            "childCount": sum(other["parent"] == vertex for other in tree.values()),
        }  # fmt: skip

    def _children(self, params: Json) -> Json:
        tree = self._tree(params)
        parent = params.get("vertex") or params["tree"]
        ids = [vertex for vertex, row in tree.items() if row["parent"] == parent]
        start = ids.index(params["after"]) + 1 if params.get("after") else 0
        page = ids[start : start + params["limit"]]
        rows = [self._vertex({**params, "vertex": vertex}) for vertex in page]
        is_last = start + len(page) >= len(ids)
        return {"children": rows, "next": None if is_last else page[-1]}


def _is_deleted(tree: dict[str, Json], vertex: str) -> bool:
    above = tree[vertex]["parent"]
    return above is not None and (above == "0" or _is_deleted(tree, above))


def _name(vertex: str, properties: Json) -> str:
    return str(properties.get("name") or properties.get("_n") or vertex[:8])
