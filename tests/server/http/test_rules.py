"""Every route and event has a rule, and every rule is kept: by whom, and against whom."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response

from sila_daemon.core.errors import SignInNeededError
from sila_daemon.server.accounts.rights import Right
from sila_daemon.server.app import ServerApp, make_app
from sila_daemon.server.http.about import about
from sila_daemon.server.http.routes.table import ROUTE_RULES
from sila_daemon.server.http.rules import RouteRule, caller_of, routes_of
from sila_daemon.server.sync.gate import RefusedError
from sila_daemon.server.sync.handlers import EVENT_RULES, EventHandlers, EventRule
from tests.server import conformance
from tests.server.memory_client import join
from tests.server.world_fixture import SPACE, SteppedClock, inline_ports, open_world
from tests.simulation.http import exchange

if TYPE_CHECKING:
    from starlette.requests import Request

    from sila_daemon.server.world import World

ABOUT = about("Answers.", dict)
SERVER = Path(inspect.getfile(make_app)).parent
OTHER_SPACE = "e" * 32
WITHOUT_RIGHT = ("nobody", "forged", "expired", "revoked", "signed out", "of another key")
ROLES = ("viewer", "editor", "owner")
CALLERS = (*WITHOUT_RIGHT, "stranger", "admin", "removed", *ROLES)
ALLOWED = {
    Right.VIEWER: ("viewer", "editor", "owner"),
    Right.EDITOR: ("editor", "owner"),
    Right.OWNER: ("owner",),
    Right.OWNER_OR_SELF: ("owner",),
}
"""Written out once more, so that the server's own table is tested too."""
IDS = [f"{rule.method} {rule.path}" for rule in ROUTE_RULES]


class Cast:
    """A world, and a token of everybody who may come."""

    def __init__(self, world: World, clock: SteppedClock) -> None:
        self.world = world
        self.clock = clock
        self.tokens: dict[str, str] = {}
        self.ids: dict[str, str] = {}

    async def prepare(self) -> None:
        """Makes users, roles and tokens, good ones and bad ones."""
        accounts = self.world.accounts
        for name in ("owner", "editor", "viewer", "stranger", "admin", "removed", "revoked"):
            email = f"{name}@example.org"
            user = await accounts.add_user(email, None, is_admin=name == "admin")
            self.ids[name] = user.id
            self.tokens[name] = await accounts.make_token(email, 30)
            if name == "owner":
                await self.world.create_space(user, "Space", SPACE)
            elif name in ("editor", "viewer"):
                await self.world.directory.share(SPACE, user.id, name)
            elif name == "removed":
                await self.world.directory.share(SPACE, user.id, "owner")
                await self.world.directory.unshare(SPACE, user.id)
            elif name == "stranger":
                await self.world.create_space(user, "Theirs", OTHER_SPACE)
        for session in await accounts.sessions.of_user(self.ids["revoked"]):
            await accounts.sessions.end(self.ids["revoked"], session.id)
        brief = await accounts.make_token("owner@example.org", 1)
        self.tokens["signed out"] = await accounts.make_token("owner@example.org", 1)
        _, claims = await accounts.check(self.tokens["signed out"])
        await accounts.sessions.end(claims.user_id, claims.session_id)
        said = jwt.decode(brief, options={"verify_signature": False})
        header = jwt.get_unverified_header(brief)
        self.tokens["of another key"] = jwt.encode(said, b"x" * 32, headers=header)
        self.tokens["forged"] = brief[:-4] + ("AAAA" if brief[-4:] != "AAAA" else "BBBB")
        self.clock.ahead = 86_400 + 1
        self.tokens["expired"] = brief

    async def ask(
        self, app: Any, caller: str, method: str, path: str
    ) -> tuple[int, dict[str, Any]]:
        """Makes a request as somebody."""
        headers = {"content-type": "application/json"}
        if caller in self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens[caller]}"
        answer = await exchange(app, method, path, headers, b"{}")
        if isinstance(app, ServerApp):
            conformance.check(method, path, answer.status, answer.headers, answer.data)
        is_json = "json" in answer.headers.get("content-type", "")
        return answer.status, json.loads(answer.data) if is_json else {}


@pytest.fixture
async def cast(tmp_path: Path) -> AsyncIterator[Cast]:
    clock = SteppedClock()
    async with open_world(tmp_path / "data", inline_ports(clock)) as world:
        cast = Cast(world, clock)
        await cast.prepare()
        yield cast


def path_of(rule: RouteRule, user_id: str = "f" * 32) -> str:
    """A path that the rule is for."""
    path = rule.path.replace("{space_id}", SPACE).replace("{user_id}", user_id)
    while "{" in path:
        before, _, after = path.partition("{")
        path = f"{before}{'a' * 32}{after.partition('}')[2]}"
    return path


def expected(right: Right, caller: str) -> int:
    """What the guard answers: 200 where the handler runs."""
    if right is Right.PUBLIC:
        return 200
    if caller in WITHOUT_RIGHT:
        return 401
    if right is Right.USER:
        return 200
    if right is Right.ADMIN:
        return 200 if caller == "admin" else 403
    if caller not in ROLES:
        return 404
    return 200 if caller in ALLOWED[right] else 403


async def _reached(request: Request) -> Response:
    """Stands for a handler: nothing of what the real one does is needed to see who gets to it."""
    rule = request.state.rule
    user = None if rule.right is Right.PUBLIC else caller_of(request).user.id
    return JSONResponse({"ok": True, "user": user})


@pytest.mark.parametrize("rule", ROUTE_RULES, ids=IDS)
async def test_a_route_is_for_those_whom_its_rule_names(cast: Cast, rule: RouteRule) -> None:
    app = Starlette(routes=routes_of([replace(rule, handler=_reached)]))
    app.state.world = cast.world
    for caller in CALLERS:
        status, answer = await cast.ask(app, caller, rule.method, path_of(rule))
        assert status == expected(rule.right, caller), (caller, answer)
        if status == 200 and rule.right is not Right.PUBLIC:
            assert answer["user"] == cast.ids[caller]
        elif status >= 400:
            assert answer["ok"] is False and answer["code"] and answer["error"]
    if rule.right is Right.OWNER_OR_SELF:
        for caller in ("viewer", "editor"):
            own = path_of(rule, cast.ids[caller])
            assert (await cast.ask(app, caller, rule.method, own))[0] == 200
        own = path_of(rule, cast.ids["stranger"])
        assert (await cast.ask(app, "stranger", rule.method, own))[0] == 404


@pytest.mark.parametrize("rule", ROUTE_RULES, ids=IDS)
async def test_the_server_refuses_whom_the_rule_refuses(cast: Cast, rule: RouteRule) -> None:
    app = make_app(cast.world)
    for caller in CALLERS:
        status = expected(rule.right, caller)
        if status != 200:
            answered, answer = await cast.ask(app, caller, rule.method, path_of(rule))
            assert answered == status, (caller, answer)
    assert len(await cast.world.directory.members(SPACE)) == 3, "nothing was changed"


async def test_the_spaces_of_others_look_like_none(cast: Cast) -> None:
    app = make_app(cast.world)
    for rule in ROUTE_RULES:
        if rule.right.is_of_members:
            path = path_of(rule)
            theirs = await cast.ask(app, "stranger", rule.method, path)
            none = await cast.ask(app, "stranger", rule.method, path.replace(SPACE, "d" * 32))
            assert theirs == none, rule.path


@pytest.mark.parametrize(
    "space_id",
    ["..", "%2e%2e", "..%2f..%2fetc", "a%00b", "%F0%9F%98%80", "A" * 32, "a" * 33, "a" * 5000, "%"],
)
async def test_odd_ids_are_no_spaces(cast: Cast, space_id: str) -> None:
    app = make_app(cast.world)
    for rule in ROUTE_RULES:
        if rule.right.is_of_members:
            path = path_of(rule).replace(SPACE, space_id)
            status, _ = await cast.ask(app, "owner", rule.method, path)
            assert status in (404, 405), rule.path


async def test_rights_by_admins_only(cast: Cast) -> None:
    rule = RouteRule("GET", "/admin", Right.ADMIN, _reached, ABOUT)
    app = Starlette(routes=routes_of([rule]))
    app.state.world = cast.world
    for caller in CALLERS:
        status, _ = await cast.ask(app, caller, "GET", "/admin")
        assert status == expected(Right.ADMIN, caller), caller


async def test_a_deleted_space_is_there_only_for_what_brings_it_back(cast: Cast) -> None:
    await cast.world.removal.delete_space(SPACE)
    for rule in ROUTE_RULES:
        if rule.right.is_of_members:
            app = Starlette(routes=routes_of([replace(rule, handler=_reached)]))
            app.state.world = cast.world
            status, _ = await cast.ask(app, "owner", rule.method, path_of(rule))
            assert (status == 200) == rule.sees_deleted == rule.path.endswith("/undelete")


async def test_what_is_read_is_noted_once_a_minute_for_each_reader(cast: Cast) -> None:
    rules = [rule for rule in ROUTE_RULES if rule.noted]
    assert {rule.noted for rule in rules} >= {"secrets_read", "files_read"}
    app = make_app(cast.world)
    for _ in range(3):
        for caller in ("owner", "viewer", "stranger", "forged"):
            await cast.ask(app, caller, "GET", f"/spaces/{SPACE}/secrets")
    client = await join(cast.world, cast.tokens["viewer"])
    client.session.end("gone")
    await client.task
    entries = await cast.world.audit.entries(space_id=SPACE)
    noted = [(e.action, e.user_id) for e in entries if e.action in ("secrets_read", "space_opened")]
    viewer = cast.ids["viewer"]
    assert noted == [
        ("space_opened", viewer), ("secrets_read", viewer), ("secrets_read", cast.ids["owner"]),
    ]  # fmt: skip


def test_every_route_that_is_served_comes_from_the_registry() -> None:
    paths = sorted(SERVER.rglob("*.py"))
    assert SERVER / "http" / "rules.py" in paths
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            name = getattr(called, "id", getattr(called, "attr", ""))
            makes_routes = name in ("Route", "Mount", "WebSocketRoute", "add_route", "mount")
            assert not makes_routes, f"{path.name} makes a route beside http.rules"


def test_every_handler_has_a_rule() -> None:
    """A coroutine of the http modules that answers a request is the handler of some rule."""
    handled = {rule.handler.__name__ for rule in ROUTE_RULES}
    handled |= {rule.handler.__qualname__.split(".")[-1] for rule in ROUTE_RULES}
    paths = sorted((SERVER / "http").rglob("*.py"))
    assert SERVER / "http" / "routes" / "spaces.py" in paths
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.AsyncFunctionDef) and node.name not in ("guarded", "wrapped"):
                arguments = [a for a in node.args.args if a.arg != "self"]
                kinds = [ast.unparse(a.annotation) for a in arguments if a.annotation]
                returns = ast.unparse(node.returns) if node.returns else ""
                if kinds == ["Request"] and returns.endswith("Response"):
                    assert node.name in handled, f"{path.name}: {node.name} has no rule"


@pytest.mark.parametrize(
    ("method", "path", "right"),
    [("GET", "/spaces/{space_id}/x", Right.USER), ("GET", "/spaces/{space_id}/x", Right.PUBLIC),
     ("GET", "/x", Right.VIEWER), ("get", "/x", Right.USER), ("CONNECT", "/x", Right.USER),
     ("DELETE", "/spaces/{space_id}/x", Right.OWNER_OR_SELF)],
)  # fmt: skip
def test_a_rule_that_cannot_be_kept_is_none(method: str, path: str, right: Right) -> None:
    with pytest.raises(AssertionError):
        RouteRule(method, path, right, _reached, ABOUT)


def test_no_route_without_a_rule_and_none_with_two() -> None:
    with pytest.raises(TypeError):
        RouteRule("GET", "/x", handler=_reached, about=ABOUT)  # type: ignore[call-arg]
    rule = RouteRule("GET", "/x", Right.USER, _reached, ABOUT)
    with pytest.raises(AssertionError, match="two rules"):
        routes_of([rule, replace(rule, right=Right.PUBLIC)])
    with pytest.raises(TypeError):
        EventRule(handler=EventHandlers._on_have)  # type: ignore[call-arg]
    with pytest.raises(AssertionError):
        EventRule(Right.USER, EventHandlers._on_have)
    handlers = {name for name in vars(EventHandlers) if name.startswith("_on_")}
    assert handlers == {rule.handler.__name__ for rule in EVENT_RULES.values()}


@pytest.mark.parametrize("name", EVENT_RULES)
@pytest.mark.parametrize("role", ROLES)
async def test_an_event_is_for_those_whom_its_rule_names(cast: Cast, name: str, role: str) -> None:
    client = await join(cast.world, cast.tokens[role])
    answer = await client.call(name, b"{}")
    is_refused = answer.get("code") == "read_only"
    assert is_refused != (role in ALLOWED[EVENT_RULES[name].right]), answer
    client.session.end("gone")
    await client.task


@pytest.mark.parametrize("name", EVENT_RULES)
@pytest.mark.parametrize(
    "end", ["expires", "revoked", "removed", "disabled", "deleted", "password"]
)
async def test_no_event_is_handled_once_the_right_has_ended(
    cast: Cast, name: str, end: str
) -> None:
    world, email = cast.world, "editor@example.org"
    client = await join(world, cast.tokens["editor"])
    grant = client.session.grant
    if end == "expires":
        cast.clock.ahead += 40 * 86_400
    elif end == "revoked":
        await world.accounts.sessions.end(grant.user_id, grant.session_id)
    elif end == "removed":
        await world.directory.unshare(SPACE, grant.user_id)
    elif end == "disabled":
        await world.accounts.set_disabled(email, is_disabled=True)
    elif end == "deleted":
        await world.removal.delete_user(await world.accounts.user_by_email(email))
    else:
        await world.accounts.set_password(email, "another phrase")
    client.session.receive(name, b"{}", 1)
    await client.task
    code = {"expires": "auth_expired", "removed": "not_permitted"}.get(end, "revoked")
    assert client.events("auth:expired") == [{"code": code}]
    answer = client.ack(1)
    assert answer is None or (answer["ok"], answer["code"]) == (False, code)


@pytest.mark.parametrize("caller", [*WITHOUT_RIGHT, "stranger", "admin", "removed"])
async def test_nobody_joins_without_the_right(cast: Cast, caller: str) -> None:
    message = "unauthorized" if caller in WITHOUT_RIGHT else "forbidden"
    with pytest.raises(RefusedError, match=message):
        await join(cast.world, cast.tokens.get(caller, ""))
    if caller in WITHOUT_RIGHT:
        with pytest.raises(SignInNeededError):
            await cast.world.accounts.check(cast.tokens.get(caller))
