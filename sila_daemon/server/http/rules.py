"""The registry of routes: each names the right that it needs, and is guarded by it.

A handler runs only after its rule was checked, and takes who asks from `caller_of`. There is no
other way into the application: `routes_of` makes every route, and refuses what has no rule.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from sila_daemon.core.errors import RemoteRefusedError, SignInNeededError
from sila_daemon.server.accounts.rights import Right, role_allows
from sila_daemon.server.http.common import address_of, answering_errors, world_of

if TYPE_CHECKING:
    from sila_daemon.server.accounts.platform import SpaceInfo, User
    from sila_daemon.server.accounts.tokens import Claims
    from sila_daemon.server.http.about import About

Handler = Callable[[Request], Awaitable[Response]]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")


@dataclass(frozen=True, slots=True)
class RouteRule:
    """One route, and who may use it."""

    method: str
    path: str
    """As Starlette takes it. Rights of members need `{space_id}` in it."""
    right: Right
    handler: Handler
    about: About
    """What the OpenAPI document says of it."""
    sees_deleted: bool = False
    """Whether the space may be one that waits for its final removal."""
    noted: str = ""
    """The action that the audit log has of it, once a minute for each who and where."""

    def __post_init__(self) -> None:
        """Refuses rules that cannot be checked: the program does not start with one."""
        assert self.method in METHODS, f"{self.method} {self.path} is no route"
        assert not self.noted or self.right is not Right.PUBLIC, f"{self.path} is of nobody"
        is_of_space = "{space_id}" in self.path
        assert is_of_space == self.right.is_of_members, f"{self.path} has a rule of another kind"
        if self.right is Right.OWNER_OR_SELF:
            assert "{user_id}" in self.path, f"{self.path} names no user"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the rule of the route found it."""

    user: User
    claims: Claims
    space: SpaceInfo | None
    """The space that the path names; None for routes that are of no space."""


class _GuardedRoute(Route):
    """A route whose rule is checked before its handler runs."""

    def __init__(self, rule: RouteRule) -> None:
        async def guarded(request: Request) -> Response:
            request.state.rule = rule
            if rule.right is not Right.PUBLIC:
                request.state.caller = await _checked(request, rule)
            if rule.noted:
                _note(request, rule.noted)
            return await rule.handler(request)

        super().__init__(
            rule.path, answering_errors(guarded), methods=[rule.method], name=rule.handler.__name__
        )


def _note(request: Request, action: str) -> None:
    caller = caller_of(request)
    space_id = caller.space.id if caller.space else ""
    world_of(request).audit.note_now_and_then(
        action, user_id=caller.user.id, space_id=space_id, address=address_of(request)
    )


def routes_of(rules: Iterable[RouteRule]) -> list[Route]:
    """Makes the routes of an application. No two rules may be for the same requests."""
    made: dict[tuple[str, str], Route] = {}
    for rule in rules:
        assert (rule.method, rule.path) not in made, f"{rule.method} {rule.path} has two rules"
        made[rule.method, rule.path] = _GuardedRoute(rule)
    return list(made.values())


def methods_of(request: Request) -> set[str]:
    """Returns every method that the path of a request has; each has a route of its own."""
    found: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods
    return found


def caller_of(request: Request) -> Caller:
    """Returns who asks; the right was checked before the handler ran."""
    caller = request.state.caller
    assert isinstance(caller, Caller)
    return caller


def space_of(request: Request) -> SpaceInfo:
    """Returns the space that the path names, as its member sees it."""
    space = caller_of(request).space
    assert space is not None
    return space


async def check_again(request: Request) -> None:
    """Checks the rule of a request that has gone on for a while. Raises what the guard raises."""
    request.state.caller = await _checked(request, request.state.rule)


async def _checked(request: Request, rule: RouteRule) -> Caller:
    """Returns who asks. Raises SignInNeededError, NotFoundError, RemoteRefusedError."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise SignInNeededError("sign in first", code="unauthorized")
    world = world_of(request)
    user, claims = await world.accounts.check(token.strip(), address_of(request))
    if not rule.right.is_of_members:
        if rule.right is Right.ADMIN and not user.is_admin:
            raise RemoteRefusedError("only an admin may do this", code="not_permitted")
        return Caller(user, claims, None)
    space = await world.space_of(
        request.path_params["space_id"], user, sees_deleted=rule.sees_deleted
    )
    is_oneself = rule.right is Right.OWNER_OR_SELF and request.path_params["user_id"] == user.id
    if not is_oneself and not role_allows(space.role, rule.right):
        needed = rule.right.value.removeprefix("member:")
        raise RemoteRefusedError(f"this needs the role {needed}", code="not_permitted")
    return Caller(user, claims, space)
