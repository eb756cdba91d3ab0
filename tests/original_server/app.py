"""The stand-in over real sockets: Socket.IO and the HTTP routes of part 1, and nothing else."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import socketio
from aiohttp import web
from socketio import packet

from tests.original_server.host import (
    FLUSH_S,
    TOKEN_S,
    OriginalSpace,
    ProcessEndedError,
    new_space_ops,
)
from tests.original_server.space_files import FolderFiles

FRAME_BYTES_MAX = 1_000_000


def _new_socketio() -> Any:
    """Makes a Socket.IO server that never acknowledges."""
    server: Any = socketio.AsyncServer(
        async_mode="aiohttp",
        namespaces="*",
        ping_interval=25,
        ping_timeout=20,
        max_http_buffer_size=FRAME_BYTES_MAX,
    )
    send = server._send_packet

    async def send_unless_answer(eio_sid: str, pkt: Any) -> None:
        if pkt.packet_type != packet.ACK:
            await send(eio_sid, pkt)

    server._send_packet = send_unless_answer
    return server


class OriginalServer:
    """The process: users, spaces, connections."""

    def __init__(self, data: Path, key: str, on_end: Callable[[str], None]) -> None:
        """`on_end` is called when the original's process would die, with the reason."""
        self.key = key
        self.users: dict[str, str] = {}
        self.spaces: dict[str, OriginalSpace] = {}
        self.writing_s = 0.0
        """How long writing takes; meanwhile ops for the trees concerned get lost from memory."""
        self.answering_s = 0.0
        """How long an answer about trees is on its way; other events pass it."""
        self.received: list[tuple[str, Any]] = []
        """Events of clients, in order."""
        self._data = data
        self._on_end = on_end
        self._spaces_of: dict[str, str] = {}
        self._sio = _new_socketio()
        self._sio.on("connect", self._on_connect, namespace="*")
        self._sio.on("*", self._on_event, namespace="*")
        self.app = web.Application()
        self._sio.attach(self.app, socketio_path="socket.io")
        self.app.add_routes(
            [
                web.get("/health", self._health),
                web.get("/spaces", self._list),
                web.post("/spaces", self._create),
                web.get("/spaces/{id}", self._show),
                web.post("/spaces/{id}/connect", self._where),
                web.get("/auth/me", self._me),
                web.post("/auth/refresh", self._refresh),
            ]
        )

    def add_user(self, user_id: str, email: str) -> str:
        """Makes a user known; returns a token."""
        self.users[user_id] = email
        return self.token(user_id)

    def token(self, user_id: str, seconds: int = TOKEN_S) -> str:
        """Makes a token of a user."""
        now = int(time.time())
        claims = {
            "sub": user_id,
            "email": self.users[user_id],
            "iat": now,
            "exp": now + seconds,
        }
        return jwt.encode(claims, self.key, algorithm="HS256")

    def add_space(self, owner: str, name: str, space_id: str = "") -> OriginalSpace:
        """Makes a space and its space tree, or opens the files of one that was made before."""
        space_id = space_id or secrets.token_hex(16)
        files = FolderFiles(self._data / space_id / "space-v1" / "ops")
        space = self.spaces[space_id] = OriginalSpace(space_id, owner, name, files)
        space.load()
        if not space.trees:
            ops = new_space_ops(space_id, secrets.token_hex(16), name)
            space.send({"treeId": space_id, "ops": ops})
            space.begin_writing()()
        return space

    async def write_out(self) -> None:
        """Writes what came, every 500 ms."""
        while True:
            await asyncio.sleep(FLUSH_S)
            endings = [space.begin_writing() for space in self.spaces.values()]
            if self.writing_s:
                await asyncio.sleep(self.writing_s)
            for end in endings:
                end()

    async def tell(self, space_id: str, payload: Any) -> None:
        """Tells every client of a space something, as when another client sent it."""
        await self.announce(space_id, self.spaces[space_id].send(payload))

    async def announce(self, space_id: str, payload: Any) -> None:
        """Tells every client of a space something that it does not take itself."""
        await self._sio.emit("ops:receive", payload, namespace=f"/spaces/{space_id}")

    async def drop_connections(self) -> None:
        """Ends all connections without a word."""
        for sid in [*self._sio.eio.sockets]:
            await self._sio.eio.disconnect(sid)

    def _user_of(self, token: object) -> str | None:
        try:
            claims = jwt.decode(str(token), self.key, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            return None
        user = claims.get("sub")
        return user if user in self.users else None

    async def _on_connect(
        self, namespace: str, sid: str, environ: dict[str, Any], auth: Any
    ) -> None:
        if namespace == "/":
            return  # It needs no token there.
        parts = [part for part in namespace.split("/") if part]
        if len(parts) < 2 or parts[0] != "spaces":
            raise socketio.exceptions.ConnectionRefusedError("Invalid namespace")
        user = self._user_of(auth.get("token") if isinstance(auth, dict) else None)
        if user is None:
            raise socketio.exceptions.ConnectionRefusedError("unauthorized")
        space = self.spaces.get(parts[1])
        if space is None or space.owner != user:
            raise socketio.exceptions.ConnectionRefusedError("forbidden")
        self._spaces_of[sid] = space.id
        asyncio.get_running_loop().create_task(
            self._sio.emit("ready", {"spaceId": space.id}, to=sid, namespace=namespace)
        )

    async def _on_event(self, name: str, namespace: str, sid: str, payload: Any = None) -> None:
        space = self.spaces.get(self._spaces_of.get(sid, ""))
        if space is None:
            return
        self.received.append((name, payload))
        try:
            if name == "ops:send":
                told = space.send(payload)
                await self._sio.emit("ops:receive", told, namespace=namespace, skip_sid=sid)
            elif name == "ops:state":
                answers = space.state(payload)
                await asyncio.sleep(self.answering_s if payload["trees"] else 0)
                for event, answer in answers:
                    await self._sio.emit(event, answer, to=sid, namespace=namespace)
        except (ProcessEndedError, TypeError, KeyError, AttributeError) as error:
            self._on_end(f"{name}: {error}")

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"ok": True})

    def _asker(self, request: web.Request) -> str:
        user = self._user_of(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if user is None:
            raise web.HTTPUnauthorized(
                text='{"ok": false, "error": "unauthorized"}', content_type="application/json"
            )
        return user

    def _mine(self, request: web.Request) -> OriginalSpace:
        user = self._asker(request)
        space = self.spaces.get(request.match_info["id"])
        if space is None or space.owner != user:
            raise web.HTTPNotFound(
                text='{"ok": false, "error": "not found"}', content_type="application/json"
            )
        return space

    async def _list(self, request: web.Request) -> web.Response:
        user = self._asker(request)
        mine = [_shown(space) for space in self.spaces.values() if space.owner == user]
        return web.json_response({"ok": True, "spaces": mine})

    async def _create(self, request: web.Request) -> web.Response:
        user = self._asker(request)
        body = await request.json()
        space = self.add_space(user, str(body.get("name") or "New space")[:80])
        return web.json_response({"ok": True, "space": _shown(space)}, status=201)

    async def _show(self, request: web.Request) -> web.Response:
        return web.json_response({"ok": True, "space": _shown(self._mine(request))})

    async def _where(self, request: web.Request) -> web.Response:
        space = self._mine(request)
        connect = {"namespace": f"/spaces/{space.id}", "path": "/socket.io"}
        return web.json_response({"ok": True, "connect": connect})

    async def _me(self, request: web.Request) -> web.Response:
        user = self._asker(request)
        return web.json_response({"id": user, "email": self.users[user]})

    async def _refresh(self, request: web.Request) -> web.Response:
        user = self._user_of((await request.json()).get("refresh_token"))
        if user is None:
            return web.json_response({"ok": False, "error": "unauthorized"}, status=401)
        answer = {"access_token": self.token(user), "refresh_token": self.token(user)}
        return web.json_response({**answer, "expires_in": TOKEN_S})


def _shown(space: OriginalSpace) -> dict[str, str]:
    return {"id": space.id, "name": space.name}
